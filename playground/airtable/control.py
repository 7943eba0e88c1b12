"""The emulator's own endpoints under /_emulator: JSON in, JSON out, no token.

GET    /_emulator/state               switches, clock, counts
PATCH  /_emulator/behaviour           {switch: value, ...}
POST   /_emulator/clock               {"advance": seconds} or {"now": time} or {"offset": seconds}
GET    /_emulator/faults              those that still apply
POST   /_emulator/faults              a fault, with the attributes of `faults.Fault`
DELETE /_emulator/faults
POST   /_emulator/iterators/kill
POST   /_emulator/limits/forget       lifts every lock
POST   /_emulator/tokens              {"token", "revoked": bool} or a whole token as in the base file
GET    /_emulator/requests, /writes   the journal (?last=n); DELETE empties it
POST   /_emulator/schema              {"base", "edit": name, ...}: see `schema_edits`
POST   /_emulator/hooks               {"base", "hook", "do": "expire" | "invalidate" | "disable" | "delete" | "purge"}
GET    /_emulator/hooks               all webhooks (?base=)
POST   /_emulator/restore             {"base", "table", "records": [ids]}: back from the trash
POST   /_emulator/drift               {"base", "table", "record", "field", "value"}: a computed cell, without a sign
POST   /_emulator/hidden              {"records": [ids]}: those that lists pass over
POST   /_emulator/calls               {"month": "2026-11", "calls": n}: the month's count
POST   /_emulator/save                writes the base file
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from playground.airtable import schema_edits
from playground.airtable.behaviour import Behaviour
from playground.airtable.emulation import Emulation
from playground.airtable.faults import Fault
from playground.airtable.moments import read_time, wire_time
from playground.airtable.tokens import Token

_Endpoint = Callable[[Request], Awaitable[Response]]


def _endpoint(act: Callable[[Emulation, dict[str, Any]], Any]) -> _Endpoint:
    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            given = {**request.query_params, **(orjson.loads(body) if body else {})}
            with request.app.state.emulation.store.lock:
                result = act(request.app.state.emulation, given)
        except (KeyError, TypeError, ValueError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)
        return _json(result if result is not None else {"ok": True})

    return answer


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _state(emulation: Emulation, _: dict[str, Any]) -> Any:
    clock = emulation.store.clock
    return {
        "behaviour": asdict(emulation.behaviour),
        "now": wire_time(clock.now()),
        "offset": clock.offset.total_seconds(),
        "records": {
            base.id: {table.name: len(table.records) for table in base.tables}
            for base in emulation.store.bases.values()
        },
        "faults": len(emulation.faults),
        "calls": dict(emulation.calls_by_month),
    }


def _set_behaviour(emulation: Emulation, given: dict[str, Any]) -> Any:
    unknown = given.keys() - {switch.name for switch in fields(Behaviour)}
    if unknown:
        raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
    for name, value in given.items():
        setattr(emulation.behaviour, name, value)
    return asdict(emulation.behaviour)


def _set_clock(emulation: Emulation, given: dict[str, Any]) -> Any:
    clock = emulation.store.clock
    if "advance" in given:
        clock.advance(float(given["advance"]))
    elif "now" in given:
        clock.set(read_time(given["now"]))
    else:
        clock.offset = timedelta(seconds=float(given["offset"]))
    return {"now": wire_time(clock.now())}


def _faults(emulation: Emulation, _: dict[str, Any]) -> Any:
    return [_fault_as_json(fault) for fault in emulation.faults if fault.times != 0]


def _add_fault(emulation: Emulation, given: dict[str, Any]) -> Any:
    fault = Fault(**given)
    emulation.faults.append(fault)
    return _fault_as_json(fault)


def _fault_as_json(fault: Fault) -> dict[str, Any]:
    return {key: value for key, value in vars(fault).items() if not key.startswith("_")}


def _set_token(emulation: Emulation, given: dict[str, Any]) -> Any:
    tokens = emulation.store.tokens
    if tokens is None:
        raise ValueError("this base file has no tokens: every token is valid")
    if "revoked" in given:
        tokens[given["token"]].is_revoked = bool(given["revoked"])
    else:
        tokens[given["token"]] = Token(**given)


def _requests(emulation: Emulation, given: dict[str, Any]) -> Any:
    return _last([asdict(seen) for seen in list(emulation.requests)], given)


def _last(rows: list[dict[str, Any]], given: dict[str, Any]) -> list[dict[str, Any]]:
    return rows[-int(given["last"]) :] if "last" in given else rows


def _writes(emulation: Emulation, given: dict[str, Any]) -> Any:
    return _last(emulation.writes(), given)


def _hooks(emulation: Emulation, given: dict[str, Any]) -> Any:
    return emulation.webhooks.described(emulation.store.bases[given["base"]])


def _act_on_hook(emulation: Emulation, given: dict[str, Any]) -> Any:
    webhooks = emulation.webhooks
    hook = webhooks.hooks[given["base"]][given["hook"]]
    match given["do"]:
        case "expire":
            webhooks.expire(hook)
        case "invalidate":
            webhooks.invalidate(hook)
        case "disable":
            hook.is_enabled = False
        case "delete":
            del webhooks.hooks[given["base"]][hook.id]
        case "purge":
            webhooks.purge(hook)
        case other:
            raise ValueError(f"no such thing to do: {other}")


def _hide(emulation: Emulation, given: dict[str, Any]) -> Any:
    emulation.hidden = set(given["records"])


def _set_calls(emulation: Emulation, given: dict[str, Any]) -> Any:
    emulation.calls_by_month[given["month"]] = int(given["calls"])


routes = [
    Route("/hooks", _endpoint(_hooks), methods=["GET"]),
    Route("/hooks", _endpoint(_act_on_hook), methods=["POST"]),
    Route(
        "/restore",
        _endpoint(lambda emulation, given: emulation.store.restore(given["base"], given["table"], given["records"])),
        methods=["POST"],
    ),
    Route(
        "/drift",
        _endpoint(
            lambda emulation, given: emulation.store.drift(
                given["base"], given["table"], given["record"], given["field"], given["value"]
            )
        ),
        methods=["POST"],
    ),
    Route("/hidden", _endpoint(_hide), methods=["POST"]),
    Route("/calls", _endpoint(_set_calls), methods=["POST"]),
    Route("/state", _endpoint(_state)),
    Route("/behaviour", _endpoint(_set_behaviour), methods=["PATCH"]),
    Route("/clock", _endpoint(_set_clock), methods=["POST"]),
    Route("/faults", _endpoint(_faults), methods=["GET"]),
    Route("/faults", _endpoint(_add_fault), methods=["POST"]),
    Route("/faults", _endpoint(lambda emulation, _: emulation.faults.clear()), methods=["DELETE"]),
    Route("/iterators/kill", _endpoint(lambda emulation, _: emulation.iterators.kill()), methods=["POST"]),
    Route("/limits/forget", _endpoint(lambda emulation, _: emulation.limiter.forget()), methods=["POST"]),
    Route("/tokens", _endpoint(_set_token), methods=["POST"]),
    Route("/requests", _endpoint(_requests), methods=["GET"]),
    Route("/requests", _endpoint(lambda emulation, _: emulation.requests.clear()), methods=["DELETE"]),
    Route("/writes", _endpoint(_writes), methods=["GET"]),
    Route("/writes", _endpoint(lambda emulation, _: emulation.commits.clear()), methods=["DELETE"]),
    Route("/schema", _endpoint(lambda emulation, given: schema_edits.edit(emulation.store, **given)), methods=["POST"]),
    Route("/save", _endpoint(lambda emulation, _: emulation.store.save()), methods=["POST"]),
]
