"""What the values of filters mean: from what was typed to what is looked up, and to conditions on marts.leads.

A filter's value is made canonical once (`understood`), so that answers, their JSON and the lines of their buttons all
say the same. docs/questions.md tells people about the filters.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import Connection, text

from slackbot.grammar import NotUnderstoodError, Question, nearest, said

PERIODS = {"24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", "all": "all time"}
DEFAULT_PERIOD = "30d"
LEAD_FILTERS = ("status", "source", "engagement", "icp", "created")  # those that tell leads apart by themselves
HIGHEST_STEP = 100  # spec/metrics.md section 1: a higher position is unreadable
MOST_TOP = 1000
PAGE_ROWS = 20

_COLUMNS = {"status": "processing_status", "source": "lead_source", "engagement": "engagement_level"}
_LENGTHS = {"h": "hours", "d": "days", "w": "weeks"}
_CREATED = re.compile(r"(?P<count>[1-9]\d{0,3})\s*(?P<unit>[hdw])", re.IGNORECASE)
_ICP = re.compile(r"(?P<sign>>=|<=|=|>|<)?\s*(?P<number>-?\d{1,6}(?:\.\d{1,3})?)")
_SIGNS = {"≥": ">=", "≤": "<=", "=>": ">=", "=<": "<="}

_CAMPAIGNS = text("""
    select campaign from marts.campaign_performance where client = any(:clients)
    group by campaign order by campaign collate "C"
""")


def understood(
    question: Question, connection: Connection, clients: tuple[str, ...], sorts: tuple[str, ...]
) -> Question:
    """Return the question with its filters as they are meant: names as they are spelt, numbers as numbers are written.

    Args:
        question: with the filters as typed.
        connection: whose marts have the names that can be meant.
        clients: keys of the clients that are looked at.
        sorts: the orders that the verb knows.

    Raises:
        NotUnderstoodError: a value that is none; with the lines that may have been meant.
    """

    def pick(name: str, typed: str, known: Sequence[str]) -> str:
        return _picked(question, name, typed, known)

    readers: dict[str, Callable[[str], str]] = {
        "campaign": lambda typed: _campaign(question, typed, connection, clients),
        "period": lambda typed: pick("period", typed, tuple(PERIODS)),
        "state": lambda typed: pick("state", typed, ("active", "paused")),
        "sort": lambda typed: pick("sort", typed, sorts),
        "step": lambda typed: _whole_number(question, "step", typed, 0, HIGHEST_STEP),
        "top": lambda typed: _whole_number(question, "top", typed, 1, MOST_TOP),
        "page": lambda typed: _whole_number(question, "page", typed, 1, 10**6),
        "icp": _icp,
        "created": _created,
        "status": lambda typed: pick("status", typed, _values(connection, clients, "processing_status")),
        "source": lambda typed: pick("source", typed, _values(connection, clients, "lead_source")),
        "engagement": lambda typed: pick("engagement", typed, _values(connection, clients, "engagement_level")),
    }
    filters = {name: readers[name](value) if name in readers else value for name, value in question.filters.items()}
    return replace(question, filters=filters)


def lead_condition(filters: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition on columns of marts.leads that these canonical filters stand for, and its parameters.

    Starts with ` and ` where there is any. Test leads are the caller's concern.
    """
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name in ("campaign", *_COLUMNS):
        if name in filters:
            parts.append(f"{_COLUMNS.get(name, name)} = :{name}")
            values[name] = filters[name]
    if "step" in filters:
        parts.append("step = :step")
        values["step"] = int(filters["step"])
    if "icp" in filters and (icp := _ICP.fullmatch(filters["icp"])):
        parts.append(f"icp_score {icp['sign']} :icp")
        values["icp"] = float(icp["number"])
    if "created" in filters and (created := _CREATED.fullmatch(filters["created"])):
        # Like the windows of marts.dashboard: (now - length, now].
        parts.append("created_at > now() - cast(:created as interval) and created_at <= now()")
        values["created"] = f"{created['count']} {_LENGTHS[created['unit']]}"
    return "".join(f" and {part}" for part in parts), values


def narrows_leads(filters: Mapping[str, str]) -> bool:
    """Return whether numbers have to be summed over the leads that pass, because no mart has them."""
    return any(name in filters for name in LEAD_FILTERS)


def described(filters: Mapping[str, str]) -> str:
    """Return in words which leads the filters leave, such as ` with status In Sequence, ICP score >=70`; '' for all."""
    words = {
        "status": "status {}",
        "source": "source {}",
        "engagement": "engagement {}",
        "icp": "ICP score {}",
        "created": "created in the last {}",
    }
    said = [form.format(_spelt(name, filters[name])) for name, form in words.items() if name in filters]
    return f" with {', '.join(said)}" if said else ""


def name_key(name: str) -> str:
    """Return what of a campaign's name counts when people type it: letters and digits in lower case."""
    return "".join(each for each in name.casefold() if each.isalnum())


def _whole_key(name: str) -> str:
    """Return what counts of a name; of one without letters and digits all that is seen.

    Joiners, as inside an emoji, are not: buttons and lines lose them.
    """
    seen = (each for each in unicodedata.normalize("NFC", name.casefold()) if unicodedata.category(each) != "Cf")
    return name_key(name) or "".join("".join(seen).split())


def _spelt(name: str, value: str) -> str:
    created = _CREATED.fullmatch(value) if name == "created" else None
    if created is None:
        return value
    unit = _LENGTHS[created["unit"]]
    return f"{created['count']} {unit if created['count'] != '1' else unit.removesuffix('s')}"


def _campaign(question: Question, typed: str, connection: Connection, clients: tuple[str, ...]) -> str:
    """Return the campaign that is meant: of that name, or the only one whose name has all that was typed."""
    known: Sequence[str] = connection.execute(_CAMPAIGNS, {"clients": list(clients)}).scalars().all()
    keys = {name: _whole_key(name) for name in known}
    wanted = _whole_key(typed)
    same = [name for name in known if name == typed] or [name for name, key in keys.items() if key == wanted]
    if same:
        return same[0]
    words = [name_key(word) for word in typed.split() if name_key(word)]
    having = [name for name, key in keys.items() if words and all(word in key for word in words)]
    if len(having) == 1:
        return having[0]
    if having:
        close = sorted(having, key=lambda name: (len(name), name))[:5]
        raise NotUnderstoodError(
            f"{len(having)} campaigns have “{typed[:40]}” in their name: {_listed(having)}. Which one?",
            _lines(question, "campaign", close),
        )
    scores = {name: SequenceMatcher(None, wanted, key, autojunk=False).ratio() for name, key in keys.items()}
    close = sorted((name for name in known if scores[name] >= 0.5), key=lambda name: -scores[name])[:3]
    meant = f" Did you mean {_listed(close)}?" if close else " “campaigns” lists them."
    raise NotUnderstoodError(
        f"There is no campaign “{typed[:40]}”.{meant}", (*_lines(question, "campaign", close), "campaigns")
    )


def _values(connection: Connection, clients: tuple[str, ...], column: str) -> Sequence[str]:
    """Return what stands in a column of marts.leads: from each value to the next one in its index, not row by row."""
    query = text(f"""
        with recursive found as (
            select client, (select min({column}) from marts.leads where leads.client = given.client) as value
            from unnest(cast(:clients as text[])) as given (client)
            union all
            select client, (
                select min({column}) from marts.leads
                where leads.client = found.client and {column} > found.value
            )
            from found where value is not null
        )
        select distinct value from found where value is not null order by value
    """)
    values: Sequence[str] = connection.execute(query, {"clients": list(clients)}).scalars().all()
    return values


def _picked(question: Question, name: str, typed: str, known: Sequence[str]) -> str:
    keys = {_whole_key(each): each for each in reversed(known)}
    exact = [each for each in known if each == typed]
    if exact or _whole_key(typed) in keys:
        return exact[0] if exact else keys[_whole_key(typed)]
    close = nearest(typed, known)
    meant = f" Did you mean {_listed(close)}?" if close else ""
    there = f" There are: {_listed(known)}." if known else " No lead has any."
    raise NotUnderstoodError(f"“{typed[:40]}” is no {name}.{meant}{there}", _lines(question, name, close or known[:3]))


def _lines(question: Question, name: str, values: Sequence[str | None]) -> tuple[str, ...]:
    """Return the question with other values of a filter."""
    return tuple(said(question, **{name: value}) for value in values)


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _whole_number(question: Question, name: str, typed: str, least: int, most: int) -> str:
    if not re.fullmatch(r"\d{1,9}", typed, re.ASCII) or not least <= int(typed) <= most:
        if name == question.text_filter:  # what people type without the filter's name
            raise NotUnderstoodError(
                f"“{question.verb} {typed[:40]}” is not understood; after “{question.verb}” stands a number "
                f"from {least} to {most:,}, or none.",
                _lines(question, name, [None]),
            )
        raise NotUnderstoodError(f"{name}:{typed[:40]} is not understood; it takes a number from {least} to {most:,}.")
    return str(int(typed))


def _icp(typed: str) -> str:
    plain = typed
    for sign, meant in _SIGNS.items():
        plain = plain.replace(sign, meant)
    read = _ICP.fullmatch(plain)
    if read is None:
        raise NotUnderstoodError(f"icp:{typed[:40]} is not understood; write icp:>=70, icp:<50 or icp:80.")
    return f"{read['sign'] or '='}{read['number']}"


def _created(typed: str) -> str:
    read = _CREATED.fullmatch(typed)
    if read is None:
        raise NotUnderstoodError(
            f"created:{typed[:40]} is not understood; write created:24h, created:7d or created:4w."
        )
    return f"{read['count']}{read['unit'].lower()}"
