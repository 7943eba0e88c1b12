"""Which leads a text means: by record id, email or phone exactly, else by the words of name, company, email and phone.

The caller's SQL selects the columns; this module is the one place that knows how typed text and stored text meet.
"""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text

from uysp.errors import UyspError

MOST_MATCHES = 20
_MOST_NAMED = 5  # where one is needed and there are several
_MOST_WORDS = 8
_FEWEST_DIGITS = 4  # of a part of a phone number

_RECORD_ID = re.compile(r"(?:(?P<client>[^\s/]+)/)?(?P<record_id>rec[A-Za-z0-9]{14})")
_EXTENSION = r"(?:x|ext\.?|extension|#)\s*\d*\s*$"
_PHONE = re.compile(rf"\+?[\d\s().\-/]+(?:{_EXTENSION})?", re.IGNORECASE)
_SLACK_LINK = re.compile(r"<(?:mailto|tel):[^|>]+\|([^>]+)>")


class AmbiguousLeadError(UyspError):
    """Several leads may be meant; the message names them to whoever asked. Nothing was chosen."""


@dataclass(frozen=True)
class Match:
    """A lead that was meant; `total` says how many there are in all."""

    client: str
    lead_id: str
    total: int


def _plain(expression: str) -> str:
    """Return SQL that forgives case, accents and apostrophes.

    Only text beyond ASCII pays for the normalization: most of 100,000 names have none.
    """
    bare = f"replace(replace({expression}, '''', ''), '’', '')"
    return f"""case when octet_length({bare}) = length({bare}) then lower({bare}) else translate(
        lower(regexp_replace(normalize({bare}, nfkd), '[\u0300-\u036f]', '', 'g')), 'øłđðıæœþ', 'olddiaot') end"""


def _words(expression: str) -> str:
    """Return SQL for the plain words of a text, with blanks for punctuation."""
    marks = '.,;:/()"“”&+|-'
    return f"translate({_plain(expression)}, '{marks}', '{' ' * len(marks)}')"


def _digits(expression: str) -> str:
    """Return SQL for the digits of a phone number without its extension."""
    return f"regexp_replace(regexp_replace({expression}, '(x|ext|#).*$', '', 'i'), '[^0-9]', '', 'g')"


_NAME_WORDS = f"(' ' || {_words('name')} || ' ')"
_HAYSTACK = _plain("concat_ws(' ', name, company, email, translate(phone, ' ()-.+/', ''))")
_LIKELIEST_FIRST = """is_test, last_sent_at desc nulls last, name collate "C", client, lead_id"""

_BY_RECORD_ID = f"""
    select client, lead_id, count(*) over () as total from marts.leads
    where client = any(:clients) and lead_id = :record_id
    order by {_LIKELIEST_FIRST} limit {MOST_MATCHES}
"""
_BY_EMAIL = f"""
    select client, lead_id, count(*) over () as total from marts.leads
    where client = any(:clients) and lower(email) = lower(:email)
    order by {_LIKELIEST_FIRST} limit {MOST_MATCHES}
"""
_BY_PHONE = f"""
    select client, lead_id, count(*) over () as total from marts.leads
    where client = any(:clients) and phone is not null and right({_digits("phone")}, 10) = right(:digits, 10)
    order by {_LIKELIEST_FIRST} limit {MOST_MATCHES}
"""

_DESCRIBED = text("""
    select client || '/' || lead_id as id,
           name || ' (' || concat_ws(', ', company, client || '/' || lead_id) || ')' as described
    from marts.leads where client || '/' || lead_id = any(:ids)
""")


def find_leads(connection: Connection, clients: tuple[str, ...], typed: str) -> list[Match]:
    """Return the leads that a text means, best match first, at most 20.

    A record id (alone or as client/record id), an email or a phone number that some lead has wins alone. Otherwise
    every word must be part of name, company, email or phone, in any order.
    """
    plain = _SLACK_LINK.sub(r"\1", typed).strip()
    return _exact(connection, clients, plain) or _by_words(connection, clients, plain)


def the_lead(connection: Connection, clients: tuple[str, ...], typed: str) -> Match | None:
    """Return the one lead that a text means; None: none that exists.

    Raises:
        AmbiguousLeadError: it may mean several.
    """
    matches = find_leads(connection, clients, typed)
    if len(matches) < 2:
        return matches[0] if matches else None
    shown = [f"{match.client}/{match.lead_id}" for match in matches[:_MOST_NAMED]]
    described = {row.id: row.described for row in connection.execute(_DESCRIBED, {"ids": shown})}
    named = "; ".join(described[each] for each in shown)
    more = f"; and {matches[0].total - len(shown):,} more" if matches[0].total > len(shown) else ""
    raise AmbiguousLeadError(
        f"{matches[0].total:,} leads match “{typed}”: {named}{more}. Ask for one of them by its record id."
    )


def named_record(typed: str) -> tuple[str | None, str] | None:
    """Return the client (None: not told) and the record id that a text is; None: it is no record id."""
    by_id = _RECORD_ID.fullmatch(typed.strip())
    return (by_id["client"], by_id["record_id"]) if by_id else None


def _exact(connection: Connection, clients: tuple[str, ...], typed: str) -> list[Match]:
    by_id = _RECORD_ID.fullmatch(typed)
    if by_id:
        named = by_id["client"]
        among = [client for client in clients if named is None or client.casefold() == named.casefold()]
        return _matches(connection, _BY_RECORD_ID, clients=among, record_id=by_id["record_id"])
    if "@" in typed:
        return _matches(connection, _BY_EMAIL, clients=list(clients), email=typed)
    if _PHONE.fullmatch(typed) and (digits := phone_digits(typed)):
        return _matches(connection, _BY_PHONE, clients=list(clients), digits=digits)
    return []


def phone_digits(typed: str) -> str:
    """Return the digits of a phone number without its extension."""
    return re.sub(r"\D", "", re.sub(_EXTENSION, "", typed, flags=re.IGNORECASE))


def _by_words(connection: Connection, clients: tuple[str, ...], typed: str) -> list[Match]:
    folding = text(f"select {_words('cast(:typed as text)')}")  # by the database, so that both sides are folded alike
    folded: str = connection.execute(folding, {"typed": typed}).scalar_one()
    words = list(dict.fromkeys(folded.split()))[:_MOST_WORDS]
    digits = phone_digits(typed) if _PHONE.fullmatch(typed) else ""
    if len(digits) >= _FEWEST_DIGITS:
        words = [digits]
    if not words:
        return []
    names = [f"word_{number}" for number in range(len(words))]
    values = dict(zip(names, words, strict=True))
    return _matches(connection, _word_query(names), clients=list(clients), typed=" ".join(words), **values)


def _word_query(names: list[str]) -> str:
    """Return the search for these words (names of parameters).

    Ranks: the whole name; whole words of the name; beginnings of its words; parts of it; the rest. Among equals the
    one written to last is the likeliest to be asked for.
    """
    everywhere = " and ".join(f"strpos({_HAYSTACK}, :{name}) > 0" for name in names)
    whole = " and ".join(f"strpos(name_words, ' ' || :{name} || ' ') > 0" for name in names)
    begun = " and ".join(f"strpos(name_words, ' ' || :{name}) > 0" for name in names)
    part = " and ".join(f"strpos(name_words, :{name}) > 0" for name in names)
    return f"""
        with found as materialized (
            select client, lead_id, name, is_test, last_sent_at, {_NAME_WORDS} as name_words
            from marts.leads
            where client = any(:clients) and {everywhere}
        )
        select client, lead_id, count(*) over () as total
        from found
        order by
            case
                when {whole} and length(replace(name_words, ' ', '')) = length(replace(:typed, ' ', '')) then 0
                when {whole} then 1
                when {begun} then 2
                when {part} then 3
                else 4
            end,
            {_LIKELIEST_FIRST}
        limit {MOST_MATCHES}
    """


def _matches(connection: Connection, query: str, **values: object) -> list[Match]:
    found = connection.execute(text(query).bindparams(**values))  # with their values, so that they have types
    return [Match(row.client, row.lead_id, row.total) for row in found]
