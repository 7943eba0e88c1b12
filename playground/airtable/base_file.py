"""The base file: one JSON document of bases with their records and of tokens, and the journal beside it.

    {"bases": [{"id", "name", "tables": [{"id", "name", "primaryFieldId", "fields": [...], "views"?: [...],
        "records": [{"id", "createdTime", "fields": {FIELD NAME: cell}, "modifiedTime"?, "touched"?}]}]}],
     "tokens"?: [{"token", "user", "email"?, "scopes": [...], "bases": {BASE ID: "creator" | "editor" | "read"}}]}

Fields are as the schema API describes them. Cells of computed fields may be given: they stand until what they depend
on changes. `modifiedTime` (any field) and `touched` (by field id) say when a record was last written; the default is
when it was created. Without `tokens`, any token opens everything.
"""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from playground.airtable.cells import is_empty
from playground.airtable.schema import Base, Field, Record, Table, kept_json
from playground.airtable.tokens import Token
from uysp.errors import ConfigurationError

_BIG_JOURNAL = 16 * 2**20  # bytes


def read(path: Path) -> tuple[dict[str, Base], dict[str, Token] | None]:
    """Return the bases and tokens of a base file.

    Raises:
        ConfigurationError: it cannot be read or is no base file.
    """
    try:
        with _no_collection():
            document = orjson.loads(path.read_bytes())
            bases = {raw["id"]: _base(raw) for raw in document["bases"]}
        tokens = document.get("tokens")
        return bases, None if tokens is None else {raw["token"]: Token(**raw) for raw in tokens}
    except OSError as error:
        raise ConfigurationError(f"The base file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no base file ({type(error).__name__}: {error}).") from error


def write(path: Path, bases: Iterable[Base], tokens: dict[str, Token] | None) -> None:
    """Replace a base file; until it is complete, the old one stays."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(b'{"bases":[')
        for number, base in enumerate(bases):
            file.write(b"," * bool(number))
            file.write(orjson.dumps({"id": base.id, "name": base.name})[:-1] + b',"tables":[')
            for position, table in enumerate(base.tables):
                file.write(b"," * bool(position) + orjson.dumps(table.described())[:-1] + b',"records":[')
                names = {f.id: f.name for f in table.fields}
                for index, record in enumerate(table.records.values()):
                    file.write(b",\n" if index else b"\n")
                    file.write(_written(record, names))
                file.write(b"]}")
            file.write(b"]}")
        file.write(b"]")
        if tokens is not None:
            listed = [_token(token) for token in tokens.values() if not token.is_revoked]
            file.write(b',"tokens":' + orjson.dumps(listed))
        file.write(b"}\n")
    partial.replace(path)


class Journal:
    """The writes since the base file was last rewritten, a line each."""

    def __init__(self, path: Path) -> None:
        self._file = _journal_path(path).open("a+b")
        self._file.seek(0)
        # A line cut short by a crash must not run into the next one.
        self._file.truncate(self._file.read().rfind(b"\n") + 1)

    @property
    def is_big(self) -> bool:
        """Whether it is time to rewrite the base file."""
        return self._file.tell() > _BIG_JOURNAL

    def append(self, entry: dict[str, Any]) -> None:
        """Add a write; it survives the end of this process."""
        self._file.write(orjson.dumps(entry) + b"\n")
        self._file.flush()

    def clear(self) -> None:
        """Start anew: the base file holds everything."""
        self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def journalled(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the writes that the journal beside a base file holds; a line cut short by a crash is no write.

    Applying them to a base file that already has them changes nothing, so a crash between rewriting the file and
    clearing the journal does no harm.
    """
    try:
        lines = _journal_path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines[:-1]:
        yield orjson.loads(line)


def _journal_path(path: Path) -> Path:
    return path.with_name(path.name + ".journal")


@contextmanager
def _no_collection() -> Iterator[None]:
    # Millions of new objects make the collector run again and again, for nothing.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _base(raw: dict[str, Any]) -> Base:
    base = Base(raw["id"], raw["name"], [])
    links: dict[str, dict[str, list[str]]] = {}
    for raw_table in raw["tables"]:
        raw_records = raw_table.pop("records", [])
        table = Table(
            raw_table["id"],
            raw_table["name"],
            raw_table["primaryFieldId"],
            [
                Field(f["id"], f["name"], f["type"], f.get("options") or {}, f.get("description"))
                for f in raw_table["fields"]
            ],
            raw_table.get("views") or [],
            raw_table.get("description"),
        )
        ids = {f.id: f.id for f in table.fields} | {f.name: f.id for f in reversed(table.fields)}
        link_ids = [f.id for f in table.fields if f.options.get("inverseLinkFieldId")]
        raw_records.reverse()
        while raw_records:  # emptied as it is read, so that both forms never stand in memory whole
            raw_record = raw_records.pop()
            cells = {ids[name]: cell for name, cell in raw_record["fields"].items() if not is_empty(cell)}
            created = raw_record["createdTime"]
            table.records[raw_record["id"]] = Record(
                raw_record["id"],
                created,
                raw_record.get("modifiedTime") or created,
                kept_json(cells),
                raw_record.get("touched"),
            )
            for link_id in link_ids:
                if link_id in cells:
                    links.setdefault(link_id, {})[raw_record["id"]] = cells[link_id]
        base.tables.append(table)
    _complete_links(base, links)
    return base


def _complete_links(base: Base, links: dict[str, dict[str, list[str]]]) -> None:
    """Add the links that the file gives on one side only to the other side."""
    for table in base.tables:
        for link in table.fields:
            inverse_id = link.options.get("inverseLinkFieldId")
            if link.type != "multipleRecordLinks" or not inverse_id:
                continue
            wanted: dict[str, dict[str, None]] = {}
            for record_id, linked in links.get(inverse_id, {}).items():
                for linked_id in linked:
                    wanted.setdefault(linked_id, {})[record_id] = None
            for record_id, linking in wanted.items():
                record = table.records.get(record_id)
                given = links.get(link.id, {}).get(record_id, [])
                complete = list(dict.fromkeys(given) | linking)
                if record is not None and len(complete) > len(given):
                    record.stored = kept_json({**record.cells(), link.id: complete})


def _written(record: Record, names: dict[str, str]) -> bytes:
    fields = {names[field_id]: cell for field_id, cell in record.cells().items() if field_id in names}
    written: dict[str, Any] = {"id": record.id, "createdTime": record.created, "fields": fields}
    if record.modified != record.created:
        written["modifiedTime"] = record.modified
    if record.touched:
        written["touched"] = record.touched
    return orjson.dumps(written)


def _token(token: Token) -> dict[str, Any]:
    written = {"token": token.token, "user": token.user, "scopes": token.scopes, "bases": token.bases}
    return written if token.email is None else {**written, "email": token.email}
