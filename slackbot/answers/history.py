"""`history [LEAD|REF]`: the log of writes, app.activity_log (spec/interface.md, section Postgres schemas)."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, text

from slackbot.answers.leads import cut, lead_line, of_several, with_client
from slackbot.answers.model import Column, Findings, Kind, Link, Section, Topic, column_list, read_row
from slackbot.answers.search import named_record, the_lead
from slackbot.grammar import Question, Verb
from uysp.activity import LogLine
from uysp.settings import Settings

SHOWN_CHARACTERS = 120  # of the details, to people; JSON and files have all
_REFERENCE = re.compile(r"#?(?P<id>\d{1,6})|(?P<reference>[0-9A-Fa-f]{8})")


@dataclass(frozen=True)
class NamedLine(LogLine):
    """A line of the log, with the lead's present name where it exists."""

    lead_name: str | None


# Refused access is for administrators, and no write.
_CHOSEN = """
    client = any(:clients) and action <> 'ACCESS_DENIED'
    and (cast(:lead_client as text) is null or client = :lead_client and lead_id = :lead_id)
    and (
        cast(:reference as text) is null
        or id = cast(:number as bigint) or lower(details ->> 'reference') = lower(:reference)
    )
"""
_TOTAL = text(f"select count(*) from app.activity_log where {_CHOSEN}")
_IS_KNOWN = text("""
    select exists (select from raw.leads where client = :lead_client and record_id = :lead_id)
        or exists (select from marts.leads where client = :lead_client and lead_id = :lead_id)
""")
_LINES = text(f"""
    with chosen as (
        select * from app.activity_log where {_CHOSEN} order by at desc, id desc limit :limit offset :offset
    )
    select {column_list(NamedLine)}
    from (
        select chosen.*, leads.name as lead_name
        from chosen left join marts.leads on leads.client = chosen.client and leads.lead_id = chosen.lead_id
    ) as lines
    order by at desc, id desc
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return who wrote what, newest first: of all leads, of one lead, or the line with one reference.

    Raises:
        AmbiguousLeadError: the text may mean several leads.
    """
    typed = question.argument
    values: dict[str, Any] = dict.fromkeys(("lead_client", "lead_id", "reference", "number"))
    reference = _REFERENCE.fullmatch(typed)
    whose, of_lead = "", False
    if reference:
        values |= {"reference": reference["reference"] or "", "number": reference["id"]}
        whose = f" under {typed}"
    elif typed:
        lead = the_lead(connection, clients, typed)
        named = (lead.client, lead.lead_id) if lead else _gone(clients, typed)
        if named is None:
            summary = f"No lead found for “{typed}”. A deleted one is found by its record id."
            return Findings("Log of writes", summary, {"history": Section([])})
        values |= {"lead_client": named[0], "lead_id": named[1]}
        whose, of_lead = f" of {'/'.join(named)}", True
    values["clients"] = list(clients)
    total: int = connection.execute(_TOTAL, values).scalar_one()
    if of_lead and not total and not _is_known(connection, values):
        summary = f"No lead “{typed}” is known here."
        return Findings("Log of writes", summary, {"history": Section([])})
    part = cut(question, total)
    found = connection.execute(_LINES, {**values, "limit": part.limit, "offset": part.offset}).mappings()
    rows = [read_row(NamedLine, row) for row in found]
    section = Section(
        rows,
        with_client(_COLUMNS, clients),
        "Log of writes",
        empty=f"Nothing was written{whose}.",
        link=lambda row: _lead_link(row, clients),
        page=part.page,
        file_columns=with_client(_FILE_COLUMNS, clients),
    )
    links = (
        (Link("Lead", lead_line("lead", values["lead_client"], values["lead_id"])), Link("Whole log", "history"))
        if values["lead_client"]
        else ()
    )
    summary = f"{total:,} line{'' if total == 1 else 's'} in the log of writes{whose}."
    return Findings("Log of writes", summary, {"history": section}, links=links)


def _is_known(connection: Connection, values: dict[str, Any]) -> bool:
    """Return whether there is, or was, a lead of this record id."""
    known: bool = connection.execute(_IS_KNOWN, values).scalar_one()
    return known


def _gone(clients: tuple[str, ...], typed: str) -> tuple[str, str] | None:
    """Return client and record id of a lead that exists no more, where the text says which."""
    named = named_record(typed)
    among = [each for each in clients if named and (named[0] is None or named[0].casefold() == each.casefold())]
    return (among[0], named[1]) if named and len(among) == 1 else None


def _lead_link(row: NamedLine, clients: tuple[str, ...]) -> Link:
    if row.client is None or row.lead_id is None:
        return Link("Log of writes", "history")
    label = of_several(row.lead_name or row.lead_id, row.client, clients)
    return Link(label, lead_line("lead", row.client, row.lead_id))


def _details(row: NamedLine) -> str | None:
    if not row.details:
        return None
    others = dict(row.details)
    outcome, before, after = others.pop("said", None), others.pop("before", None), others.pop("after", None)
    others.pop("version", None)
    said = [f"{name}: {_worded(value)}" for name, value in others.items() if value not in (None, "", {}, [])]
    if isinstance(after, dict):
        was = before if isinstance(before, dict) else {}
        said += [f"{field}: {_worded(was.get(field))} → {_worded(value)}" for field, value in after.items()]
    elif after:
        said.append(f"after: {after}")
    whole = " ".join(filter(None, (str(outcome or ""), "; ".join(said))))
    if not whole:
        return None
    return whole if len(whole) <= SHOWN_CHARACTERS else f"{whole[: SHOWN_CHARACTERS - 1]}…"


def _worded(value: Any) -> str:
    """Return a value of the details as people read it."""
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {_worded(each)}" for name, each in value.items())
        case list():
            return ", ".join(map(_worded, value))
    return str(value)


def _json(value: object) -> str | None:
    return to_json(value).decode() if value else None


def _rest(row: NamedLine) -> str | None:
    return _json({name: value for name, value in row.details.items() if name not in ("before", "after", "reference")})


_COLUMNS = (
    Column("Number", Kind.COUNT, lambda row: row.id),
    Column("When", Kind.TIME, lambda row: row.at),
    Column("Who", Kind.TEXT, lambda row: row.actor_name or row.actor_id),
    Column("What", Kind.TEXT, lambda row: row.action.replace("_", " ").lower()),
    Column("Lead", Kind.TEXT, lambda row: row.lead_name or row.lead_id),
    Column("Outcome", Kind.TEXT, lambda row: row.outcome),
    Column("Reference", Kind.TEXT, lambda row: row.details.get("reference")),
    Column("Details", Kind.TEXT, _details, main=False, is_personal=True),
)
_FILE_COLUMNS = (
    *_COLUMNS[:-2],
    Column("Record id", Kind.TEXT, lambda row: row.lead_id),
    Column("Who id", Kind.TEXT, lambda row: row.actor_id),
    Column("Reference", Kind.TEXT, lambda row: row.details.get("reference")),
    Column("Before", Kind.TEXT, lambda row: _json(row.details.get("before")), is_personal=True),
    Column("After", Kind.TEXT, lambda row: _json(row.details.get("after")), is_personal=True),
    Column("Details", Kind.TEXT, _rest, is_personal=True),
)

TOPIC = Topic(
    Verb(
        "history",
        usage="history [LEAD|REF] [page:N]",
        summary="the log of writes: who changed what, of all leads or one, or the line with a reference",
        examples=("history", "history jane@example.com", "history 42"),
        text="a lead or a reference",
        filters=("page", "client"),
    ),
    answer,
    sources=("leads",),
    marts=("leads", "sync_status"),
    section_names=("history",),
)
