"""Airtable's endpoints: who may call which, and what each answers."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from playground.airtable import errors
from playground.airtable.cells import RECORD_ID
from playground.airtable.emulation import Emulation
from playground.airtable.listing import list_records
from playground.airtable.parameters import flag, from_query, list_parameters
from playground.airtable.schema import Base, Table
from playground.airtable.schema_edits import edit
from playground.airtable.tokens import CREATOR, WRITING_ROLES, Token, any_token
from playground.airtable.writing import WriteRequest, delete

_ORIGIN = "https://api.airtable.com"
_PERMISSION_LEVELS = {CREATOR: "create", "editor": "edit", "commenter": "comment", "read": "read"}
_RENDERING = frozenset({"returnFieldsByFieldId", "cellFormat", "timeZone", "userLocale"})


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
        root, *segments = [unquote(part) for part in self.raw_path.split("/")[1:]]
        return segments if root == "v0" else []

    @property
    def base_id(self) -> str | None:
        """The base that the request is about, if it names one."""
        segments = self.segments
        if segments[:1] == ["meta"]:
            segments = segments[2:]
        elif segments[:1] == ["bases"]:
            segments = segments[1:]
        return segments[0] if segments and segments[0].startswith("app") else None

    @property
    def is_list(self) -> bool:
        """Whether this reads a page of a table's records."""
        match self.method, self.segments:
            case ("GET", [base_id, _]) | ("POST", [base_id, _, "listRecords"]):
                return base_id != "meta"
        return False

    def offset(self) -> str | None:
        """Return the list offset that the request carries, if any."""
        try:
            offset = (from_query(self.query) | _json_object(self.body or b"{}")).get("offset")
        except errors.Refusal:
            return None
        return offset if isinstance(offset, str) else None


def admitted(emulation: Emulation, call: Call) -> Token:
    """Count a call against the limits and return its token.

    Raises:
        Refusal: the token is not known, or a limit is passed.
    """
    token = _token(emulation, call.authorization)
    _throttle(emulation, call, token)
    return token


def answer(emulation: Emulation, call: Call, token: Token) -> bytes:
    """Return the JSON that Airtable answers to a call that was admitted.

    Raises:
        Refusal: Airtable would answer something other than 200.
    """
    if len(_ORIGIN) + len(call.raw_path) + 1 + len(call.query) >= emulation.behaviour.url_limit:
        raise errors.Refusal(emulation.behaviour.url_error_status, errors.invalid_request().body)
    _count(emulation, call)
    if call.segments[:1] == ["bases"]:
        return _webhooks(emulation, call, *_hooked(emulation, call, token))
    match call.method, call.segments:
        case "GET", ["meta", "whoami"]:
            return orjson.dumps(_whoami(emulation, token))
        case "GET", ["meta", "bases"]:
            return orjson.dumps({"bases": _bases(emulation, token)})
        case "GET", ["meta", "bases", base_id, "tables"]:
            base = _base(emulation, token, base_id, "schema.bases:read")
            visible = "visibleFieldIds" in from_query(call.query).get("include", [])
            return orjson.dumps({"tables": [t.described(visible_field_ids=visible) for t in base.tables]})
        case "POST", ["meta", "bases", base_id, "tables", table_id, "fields"]:
            base = _base(emulation, token, base_id, "schema.bases:write")
            return _create_field(emulation, base, _table(base, table_id), token, _json_object(call.body))
        case method, [base_id, table_name, *rest] if base_id != "meta" and len(rest) <= 1:
            if method == "GET" or rest == ["listRecords"]:
                base = _base(emulation, token, base_id, "data.records:read")
                return _read(emulation, call, base, _table(base, table_name), rest)
            base = _base(emulation, token, base_id, "data.records:write")
            table = _table(base, table_name)
            if token.role_on(base.id) not in WRITING_ROLES:
                raise errors.not_permitted()
            return _write(emulation, call, base, table, rest, may_create_options=token.role_on(base.id) == CREATOR)
    raise errors.bad_route()


def _hooked(emulation: Emulation, call: Call, token: Token) -> tuple[Base, list[str]]:
    """Return the base whose webhooks a call is about and the rest of its path, if the token may make the call.

    Source: research/airtable.md section 2.
    """
    match call.segments:
        case ["bases", base_id, "webhooks", *rest]:
            if emulation.behaviour.hooks_forbidden:
                raise errors.forbidden_or_unknown()
            base = _base(emulation, token, base_id, "webhook:manage")
            if call.method == "POST" and not rest and token.role_on(base_id) != CREATOR:
                raise errors.not_permitted()
            return base, rest
    raise errors.bad_route()


def _webhooks(emulation: Emulation, call: Call, base: Base, rest: list[str]) -> bytes:
    hooks = emulation.webhooks
    given = from_query(call.query)
    match call.method, rest:
        case "GET", []:
            return orjson.dumps({"webhooks": hooks.described(base)})
        case "POST", []:
            return orjson.dumps(hooks.create(base, _json_object(call.body)))
        case "DELETE", [hook_id]:
            hooks.delete(base, hook_id)
            return b""
        case "POST", [hook_id, "refresh"]:
            return orjson.dumps(hooks.refresh(base, hook_id))
        case "POST", [hook_id, "enableNotifications"]:
            hooks.find(base, hook_id).notifies = _json_object(call.body).get("enable") is True
            return b""
        case "GET", [hook_id, "payloads"]:
            try:
                cursor, limit = int(given.get("cursor", 1)), int(given.get("limit", 50))
            except ValueError:
                raise errors.invalid_request() from None
            if cursor < 1 or not 1 <= limit <= 50:
                raise errors.invalid_request()
            return hooks.list_payloads(base, hook_id, cursor, limit)
    raise errors.bad_route()


def _count(emulation: Emulation, call: Call) -> None:
    """Count a call of the month; the schema API goes on when they are used up (section 1.8)."""
    is_meta = call.segments[:1] == ["meta"]
    if (is_meta or call.segments[:1] == ["bases"]) and not emulation.behaviour.meta_calls_count:
        return
    if not emulation.count_call() and not is_meta:
        raise errors.billing_limited(plural=emulation.behaviour.plural_rate_error)


def _read(emulation: Emulation, call: Call, base: Base, table: Table, rest: list[str]) -> bytes:
    given = from_query(call.query)
    match call.method, rest:
        case "POST", ["listRecords"]:
            given |= _json_object(call.body or b"{}")
            return list_records(emulation, base, table, list_parameters(given, emulation.behaviour))
        case "GET", []:
            return list_records(emulation, base, table, list_parameters(given, emulation.behaviour))
        case "GET", [record_id] if RECORD_ID.fullmatch(record_id):
            return _get(emulation, base, table, record_id, given)
    raise errors.bad_route()


def _get(emulation: Emulation, base: Base, table: Table, record_id: str, given: dict[str, Any]) -> bytes:
    if not given.keys() <= _RENDERING or given.get("cellFormat", "json") != "json":
        raise errors.invalid_request()
    # An id that is not in this table is looked for in the whole base (research/airtable.md section 1.3).
    for candidate in (table, *base.tables):
        record = candidate.records.get(record_id)
        if record is not None:
            by_id = flag(given, "returnFieldsByFieldId")
            return emulation.store.renderer(base, candidate).answer(record, by_id=by_id)
    raise errors.record_not_found()


def _write(
    emulation: Emulation, call: Call, base: Base, table: Table, rest: list[str], *, may_create_options: bool
) -> bytes:
    store = emulation.store
    if rest and not RECORD_ID.fullmatch(rest[0]):
        raise errors.bad_route()
    given = from_query(call.query)
    if call.method == "DELETE":
        if not rest:
            return orjson.dumps({"records": delete(store, base, table, given.get("records"))})
        if rest[0] not in table.records:
            raise errors.record_not_found()
        return orjson.dumps(delete(store, base, table, rest)[0])
    body = given | _json_object(call.body)
    request = WriteRequest(store, base, table, emulation.behaviour, body, may_create_options)
    replace = call.method == "PUT"
    match call.method, rest:
        case "POST", []:
            return request.create()
        case (("PATCH" | "PUT"), []):
            return request.update_many(replace=replace)
        case (("PATCH" | "PUT"), [record_id]):
            return request.update_one(record_id, replace=replace)
    raise errors.bad_route()


def _create_field(emulation: Emulation, base: Base, table: Table, token: Token, body: dict[str, Any]) -> bytes:
    """Create a field (https://airtable.com/developers/web/api/create-field); names are unique in a table."""
    if token.role_on(base.id) != CREATOR:
        raise errors.not_permitted()
    name, kind = body.get("name"), body.get("type")
    if not isinstance(name, str) or not name or not isinstance(kind, str):
        raise errors.invalid_request()
    if table.field_named(name) is not None:
        raise errors.refusal(422, "DUPLICATE_OR_EMPTY_FIELD_NAME", "A field with that name already exists")
    options = {"options": body["options"]} if body.get("options") else {}
    edit(emulation.store, base.id, "add_field", table=table.id, name=name, type=kind, **options)
    added = table.field_named(name)
    return orjson.dumps(added.described() if added else {})


def _whoami(emulation: Emulation, token: Token) -> dict[str, Any]:
    who: dict[str, Any] = {"id": token.user}
    if emulation.behaviour.scopes_in_whoami:
        who["scopes"] = token.scopes
    if token.email is not None and token.has_scope("user.email:read"):
        who["email"] = token.email
    return who


def _bases(emulation: Emulation, token: Token) -> list[dict[str, Any]]:
    if not token.has_scope("schema.bases:read"):
        raise errors.forbidden_or_unknown()
    return [
        {"id": base.id, "name": base.name, "permissionLevel": _PERMISSION_LEVELS[role]}
        for base in emulation.store.bases.values()
        if (role := token.role_on(base.id)) is not None
    ]


def _token(emulation: Emulation, authorization: str) -> Token:
    kind, _, given = authorization.partition(" ")
    if kind.lower() != "bearer" or not given.strip():
        raise errors.authentication_required()
    if emulation.store.tokens is None:
        return any_token()
    token = emulation.store.tokens.get(given.strip())
    if token is None or token.is_revoked:
        raise errors.authentication_required()
    return token


def _throttle(emulation: Emulation, call: Call, token: Token) -> None:
    behaviour, now = emulation.behaviour, emulation.store.clock.elapsed()
    admits = emulation.limiter.admits
    allowed = admits(token.user, behaviour.user_requests_per_second, behaviour, now)
    if allowed and call.base_id in emulation.store.bases:
        allowed = admits(str(call.base_id), behaviour.requests_per_second, behaviour, now)
    if not allowed:
        raise errors.rate_limited(plural=behaviour.plural_rate_error)


def _base(emulation: Emulation, token: Token, base_id: str, scope: str) -> Base:
    base = emulation.store.bases.get(base_id)
    if base is None or token.role_on(base_id) is None or not token.has_scope(scope):
        raise errors.forbidden_or_unknown()
    return base


def _table(base: Base, name: str) -> Table:
    table = base.table_named(name)
    if table is None:
        raise errors.forbidden_or_unknown()
    return table


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.unreadable_body() from None
    if not isinstance(parsed, dict):
        raise errors.invalid_request()
    return parsed
