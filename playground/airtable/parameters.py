"""Request parameters in all their spellings, from a query string or a JSON body."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from playground.airtable import errors
from playground.airtable.behaviour import Behaviour

_MOST_PER_PAGE = 100
_INDEXED = re.compile(r"(\w+)\[(\d*)\](?:\[(\w+)\])?")
_LIST_KEYS = frozenset(
    {
        "cellFormat",
        "fields",
        "filterByFormula",
        "maxRecords",
        "offset",
        "pageSize",
        "recordMetadata",
        "returnFieldsByFieldId",
        "sort",
        "timeZone",
        "userLocale",
        "view",
    }
)


@dataclass(frozen=True)
class ListParameters:
    """What a list request asks for; `sort` holds (field, descending), `fields` None means all."""

    fields: list[str] | None
    filter: str | None
    sort: list[tuple[str, bool]]
    page_size: int
    max_records: int | None
    view: str | None
    offset: str | None
    by_id: bool
    comments: bool


def from_query(query: str) -> dict[str, Any]:
    """Return the parameters of a query string: `a=1`, `a[]=1&a[]=2`, `a[0]=1`, `a[0][b]=1` all give what JSON would."""
    parameters: dict[str, Any] = {}
    indexed: dict[str, dict[int, Any]] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        match = _INDEXED.fullmatch(key)
        if match is None:
            if key in ("fields", "records", "recordMetadata"):
                items = indexed.setdefault(key, {})
                items[len(items)] = value
            else:
                parameters[key] = value
            continue
        name, index, inner = match.groups()
        items = indexed.setdefault(name, {})
        place = int(index) if index else len(items)
        if inner is None:
            items[place] = value
        else:
            items.setdefault(place, {})[inner] = value
    for name, items in indexed.items():
        parameters[name] = [items[place] for place in sorted(items)]
    return parameters


def list_parameters(given: dict[str, Any], behaviour: Behaviour) -> ListParameters:
    """Return what a list request asks for.

    Raises:
        Refusal: a parameter is unknown or makes no sense.
    """
    if not given.keys() <= _LIST_KEYS or given.get("cellFormat", "json") != "json":
        raise errors.invalid_request()
    page_size = _count(given.get("pageSize", _MOST_PER_PAGE))
    if page_size > _MOST_PER_PAGE:
        if not behaviour.clamp_page_size:
            raise errors.invalid_request()
        page_size = _MOST_PER_PAGE
    max_records = given.get("maxRecords")
    metadata = _texts(given.get("recordMetadata", []))
    if not set(metadata) <= {"commentCount"}:
        raise errors.invalid_request()
    fields = _texts(given.get("fields", []))
    return ListParameters(
        fields=fields or None,
        filter=_text(given.get("filterByFormula")) or None,
        sort=[_sort(item) for item in _items(given.get("sort", []))],
        page_size=page_size,
        max_records=None if max_records is None else _count(max_records),
        view=_text(given.get("view")) or None,
        offset=_text(given.get("offset")) or None,
        by_id=flag(given, "returnFieldsByFieldId"),
        comments=bool(metadata),
    )


def flag(given: dict[str, Any], name: str) -> bool:
    """Return a parameter that is on or off, whether JSON or text.

    Raises:
        Refusal: it is neither.
    """
    value = given.get(name, False)
    if value in (True, "true", "1"):
        return True
    if value in (False, "false", "0", ""):
        return False
    raise errors.invalid_request()


def _count(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        raise errors.invalid_request() from None
    if count < 1 or isinstance(value, bool):
        raise errors.invalid_request()
    return count


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise errors.invalid_request()
    return value


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise errors.invalid_request()
    return value


def _texts(value: Any) -> list[str]:
    items = _items(value)
    if not all(isinstance(item, str) for item in items):
        raise errors.invalid_request()
    return items


def _sort(item: Any) -> tuple[str, bool]:
    if not isinstance(item, dict) or not isinstance(item.get("field"), str):
        raise errors.invalid_request()
    direction = item.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise errors.invalid_request()
    return item["field"], direction == "desc"
