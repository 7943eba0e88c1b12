"""Airtable's endpoints: who may call which, and what each answers."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from playground.airtable import errors
from playground.airtable.base_file import Token
from playground.airtable.cells import RECORD_ID
from playground.airtable.emulation import Emulation
from playground.airtable.listing import list_records
from playground.airtable.parameters import flag, from_query, list_parameters
from playground.airtable.schema import Base, Table
from playground.airtable.writing import WriteRequest, delete

_ORIGIN = "https://api.airtable.com"
_PERMISSIONS = {"creator": "create", "editor": "edit", "commenter": "comment", "read": "read"}
_OPEN_TO_ALL = Token("", "usrPlayground0001", [], {})


@dataclass(frozen=True)
class Call:
    """A request on the API.

    Attributes:
        method: the HTTP method.
        raw_path: the path as sent, still percent-encoded.
        query: the query string as sent.
        authorization: the header, "" where there is none.
        body: the body as sent.
    """

    method: str
    raw_path: str
    query: str
    authorization: str
    body: bytes

    @property
    def segments(self) -> list[str]:
        """The parts of the path after /v0; a table's name may hold an encoded slash."""
        return [unquote(part) for part in self.raw_path.split("/")[2:]]

    @property
    def base_id(self) -> str | None:
        """The base that the request counts on, if it names one."""
        segments = self.segments
        if segments[:1] == ["meta"]:
            segments = segments[2:]
        return next((part for part in segments[:1] if part.startswith("app")), None)

    def offset(self) -> str | None:
        """Return the list offset that the request carries, if any."""
        if self.method == "GET":
            offset = from_query(self.query).get("offset")
        else:
            try:
                body = orjson.loads(self.body or b"{}")
            except orjson.JSONDecodeError:
                return None
            offset = body.get("offset") if isinstance(body, dict) else None
        return offset if isinstance(offset, str) else None

    @property
    def is_list(self) -> bool:
        """Whether this reads a page of a table's records."""
        segments = self.segments
        if segments[:1] == ["meta"]:
            return False
        return (self.method == "GET" and len(segments) == 2) or (
            self.method == "POST" and len(segments) == 3 and segments[2] == "listRecords"
        )


def answer(emulation: Emulation, call: Call) -> bytes:
    """Return the JSON that Airtable answers.

    Raises:
        Refusal: Airtable would answer something other than 200.
    """
    token = _token(emulation, call.authorization)
    _throttle(emulation, call, token)
    limit, length = emulation.behaviour.url_limit, len(_ORIGIN) + len(call.raw_path) + 1 + len(call.query)
    if length >= limit:
        status = emulation.behaviour.url_error_status
        raise errors.Refusal(status, errors.invalid_request().body)
    segments = call.segments
    match call.method, segments:
        case "GET", ["meta", "whoami"]:
            return orjson.dumps(_whoami(emulation, token))
        case "GET", ["meta", "bases"]:
            return orjson.dumps({"bases": _bases(emulation, token)})
        case "GET", ["meta", "bases", base_id, "tables"]:
            base = _base(emulation, token, base_id, "schema.bases:read")
            include = from_query(call.query).get("include", [])
            visible = "visibleFieldIds" in include
            return orjson.dumps({"tables": [table.described(visible_field_ids=visible) for table in base.tables]})
        case _, [base_id, table_name, *rest] if base_id != "meta" and len(rest) <= 1:
            return _records(emulation, call, token, base_id, table_name, rest)
    raise errors.bad_route()


def _records(emulation: Emulation, call: Call, token: Token, base_id: str, table_name: str, rest: list[str]) -> bytes:
    store = emulation.store
    reads = call.method == "GET" or rest == ["listRecords"]
    base = _base(emulation, token, base_id, "data.records:read" if reads else "data.records:write")
    table = base.table_named(table_name)
    if table is None:
        raise errors.forbidden_or_unknown()
    if not reads and _role(emulation, token, base) not in ("creator", "editor"):
        raise errors.not_permitted()
    parameters = from_query(call.query)
    match call.method, rest:
        case "GET", []:
            return list_records(emulation, base, table, list_parameters(parameters, emulation.behaviour))
        case "POST", ["listRecords"]:
            body = _json_object(call.body or b"{}")
            return list_records(emulation, base, table, list_parameters({**parameters, **body}, emulation.behaviour))
        case "GET", [record_id] if RECORD_ID.fullmatch(record_id):
            return _get(emulation, base, table, record_id, parameters)
        case "DELETE", []:
            return orjson.dumps({"records": delete(store, base, table, parameters.get("records"))})
        case "DELETE", [record_id] if RECORD_ID.fullmatch(record_id):
            if record_id not in table.records:
                raise errors.record_not_found()
            return orjson.dumps(delete(store, base, table, [record_id])[0])
        case ("POST", []) | ("PATCH" | "PUT", _):
            body = {**parameters, **_json_object(call.body)}
            may_create_options = _role(emulation, token, base) == "creator"
            request = WriteRequest(store, base, table, emulation.behaviour, body, may_create_options)
            match call.method, rest:
                case "POST", []:
                    return request.create()
                case method, []:
                    return request.update_many(replace=method == "PUT")
                case method, [record_id] if RECORD_ID.fullmatch(record_id):
                    return request.update_one(record_id, replace=method == "PUT")
    raise errors.bad_route()


def _get(emulation: Emulation, base: Base, table: Table, record_id: str, parameters: dict[str, Any]) -> bytes:
    if not parameters.keys() <= {"returnFieldsByFieldId", "cellFormat", "timeZone", "userLocale"}:
        raise errors.invalid_request()
    # An id that is not in this table is looked for in the whole base (research/airtable.md section 1.3).
    for candidate in (table, *base.tables):
        record = candidate.records.get(record_id)
        if record is not None:
            by_id = flag(parameters, "returnFieldsByFieldId")
            return emulation.store.renderer(base, candidate).answer(record, by_id=by_id)
    raise errors.record_not_found()


def _whoami(emulation: Emulation, token: Token) -> dict[str, Any]:
    who: dict[str, Any] = {"id": token.user}
    if emulation.behaviour.scopes_in_whoami:
        who["scopes"] = token.scopes
    if token.email is not None and "user.email:read" in token.scopes:
        who["email"] = token.email
    return who


def _bases(emulation: Emulation, token: Token) -> list[dict[str, Any]]:
    if not _has_scope(token, "schema.bases:read"):
        raise errors.forbidden_or_unknown()
    return [
        {"id": base.id, "name": base.name, "permissionLevel": _PERMISSIONS[role]}
        for base in emulation.store.bases.values()
        if (role := _role(emulation, token, base)) is not None
    ]


def _token(emulation: Emulation, authorization: str) -> Token:
    kind, _, given = authorization.partition(" ")
    if kind.lower() != "bearer" or not given.strip():
        raise errors.authentication_required()
    if emulation.store.tokens is None:
        return _OPEN_TO_ALL
    token = emulation.store.tokens.get(given.strip())
    if token is None or token.is_revoked:
        raise errors.authentication_required()
    return token


def _throttle(emulation: Emulation, call: Call, token: Token) -> None:
    behaviour, now = emulation.behaviour, emulation.store.clock.elapsed()
    allowed = emulation.limiter.admits(token.user, behaviour.user_requests_per_second, behaviour, now)
    if allowed and call.base_id in emulation.store.bases:
        allowed = emulation.limiter.admits(str(call.base_id), behaviour.requests_per_second, behaviour, now)
    if not allowed:
        raise errors.rate_limited(plural=behaviour.plural_rate_error)


def _base(emulation: Emulation, token: Token, base_id: str, scope: str) -> Base:
    base = emulation.store.bases.get(base_id)
    if base is None or _role(emulation, token, base) is None or not _has_scope(token, scope):
        raise errors.forbidden_or_unknown()
    return base


def _role(emulation: Emulation, token: Token, base: Base) -> str | None:
    return "creator" if token is _OPEN_TO_ALL else token.bases.get(base.id)


def _has_scope(token: Token, scope: str) -> bool:
    return token is _OPEN_TO_ALL or scope in token.scopes


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.unreadable_body() from None
    if not isinstance(parsed, dict):
        raise errors.invalid_request()
    return parsed
