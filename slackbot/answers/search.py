"""Which leads a text means: by record id, email or phone exactly, else by the words of name, company, email and phone.

Every typed word is first turned into the words that the index knows for it: the same, longer ones that begin with it,
ones that hold it, ones that a slip of the finger makes of it. Then leads are asked for that have such a word for each
typed one. Each of these steps reads a bounded number of rows, so that a word that every lead has costs no more than
another: the leads are then walked in the order in which they are shown, and the first few are enough.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.slips import LAST, slips_of
from uysp.errors import UyspError
from uysp.lead_index import (
    LONGEST_WORD,
    NUMBER_DIGITS,
    digits_of,
    email_token,
    name_token,
    phone_token,
    words_of,
)

MOST_MATCHES = 20
MOST_COUNTED = 1_000  # beyond, people read "over 1,000"
_MOST_NAMED = 5  # where one is needed and there are several
_MOST_WORDS = 8  # of those typed
_MOST_KNOWN = 200  # words of the index for one typed word
_MOST_NEAR = 300  # leads that are compared with what was typed
_FEWEST_LETTERS = 3  # of a part in the middle of a word
_FEWEST_DIGITS = 4  # of a part of a phone number

_RECORD_ID = re.compile(r"(?:(?P<client>[^\s/]+)/)?(?P<record_id>rec[A-Za-z0-9]{14})")
_PHONE = re.compile(r"\+?[\d\s().\-/]+(?:(?:x|ext\.?|extension|#)\s*\d*\s*)?", re.IGNORECASE)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_SLACK_LINK = re.compile(r"<(?:mailto|tel):[^|>]+\|([^>]+)>")


class AmbiguousLeadError(UyspError):
    """Several leads may be meant; the message names them to whoever asked. Nothing was chosen."""


@dataclass(frozen=True)
class Match:
    """A lead that may be meant."""

    client: str
    lead_id: str


@dataclass(frozen=True)
class Found:
    """Leads that may be meant, best match first.

    Attributes:
        total: how many there are in all.
        is_more: whether there are even more than `total`, which are not counted.
        is_near: whether they are only like what was typed.
    """

    matches: tuple[Match, ...] = ()
    total: int = 0
    is_more: bool = False
    is_near: bool = False


@dataclass(frozen=True)
class _Typed:
    """A typed word with the words of the index that it may stand for."""

    word: str
    same: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    slips: dict[str, int] = field(default_factory=dict)  # by word, how many slips

    @property
    def beginnings(self) -> tuple[str, ...]:
        return (*self.same, *self.begun)

    @property
    def anyhow(self) -> tuple[str, ...]:
        return (*self.same, *self.begun, *self.within)


# The walk in this order is an index of its own (migration r0005).
_LIKELIEST_FIRST = "is_test, last_sent_at desc nulls last, name, client, lead_id"
_KNOWN = text(f"""
    select typed.word as typed, known.word, known.kind
    from unnest(cast(:typed as text[])) as typed (word)
    cross join lateral (
        select word, 'same' as kind, leads from app.lead_index_words
        where client = any(:clients) and word = typed.word
        union all
        select * from (
            select word, 'begun', leads from app.lead_index_words
            where client = any(:clients) and word > typed.word collate "C" and word < typed.word || :last
                and typed.word = any(:beginnings)
            order by leads desc limit {_MOST_KNOWN}
        ) as begun
        union all
        select * from (
            select word, 'within', leads from app.lead_index_words
            where client = any(:clients) and word like '%' || typed.word || '%' and not starts_with(word, typed.word)
                and typed.word = any(:parts)
            limit {_MOST_KNOWN}
        ) as within
    ) as known
""")
_DESCRIBED = text("""
    select client || '/' || lead_id as id,
           name || ' (' || concat_ws(', ', company, client || '/' || lead_id) || ')' as described
    from app.lead_index where client || '/' || lead_id = any(:ids)
""")


def search_leads(connection: Connection, clients: tuple[str, ...], typed: str, most: int = MOST_MATCHES) -> list[Match]:
    """Return the leads that a text may mean, best match first, those that are only like it last: for a picker.

    Args:
        connection: a transaction under the bot's role; its planning is set to suit these statements.
        clients: keys of the clients whose leads may be found.
        typed: what was typed so far.
        most: at most so many.
    """
    found = find_leads(connection, clients, typed, most)
    if found.is_near or len(found.matches) >= most or _named(typed):
        return list(found.matches)
    near = _near(connection, clients, _typed_words(connection, clients, _plain(typed)), most)
    return list(dict.fromkeys([*found.matches, *near]))[:most]


def find_leads(connection: Connection, clients: tuple[str, ...], typed: str, most: int = MOST_MATCHES) -> Found:
    """Return the leads that a text means, best match first, at most `most`.

    A record id (alone or as client/record id), an email or a phone number that some lead has wins alone. Otherwise
    every word must be part of name, company, email or phone, in any order; only where no lead has them, those that are
    like it are found.
    """
    # Plans depend on how often a word stands, which a plan made once for any word does not know.
    connection.execute(text("set local plan_cache_mode = force_custom_plan"))
    plain = _plain(typed)
    exact = _exact(connection, clients, plain, most)
    if exact is not None and (exact.matches or named_record(plain)):
        return exact
    words = _typed_words(connection, clients, plain)
    if not words:
        return Found()
    matches = _by_words(connection, clients, words, most)
    if matches:
        total = len(matches) if len(matches) < most else _count(connection, clients, words)
        is_more = total > MOST_COUNTED
        return Found(tuple(matches), max(min(total, MOST_COUNTED), len(matches)), is_more)
    near = _near(connection, clients, words, most)
    return Found(tuple(near), len(near), is_near=bool(near))


def the_lead(connection: Connection, clients: tuple[str, ...], typed: str) -> Match | None:
    """Return the one lead that a text means; None: none that exists. One that is only like it is not meant.

    Raises:
        AmbiguousLeadError: it may mean several, or is only like some.
    """
    found = find_leads(connection, clients, typed)
    if not found.matches:
        return None
    if len(found.matches) == 1 and not found.is_near:
        return found.matches[0]
    shown = [f"{match.client}/{match.lead_id}" for match in found.matches[:_MOST_NAMED]]
    described = {row.id: row.described for row in connection.execute(_DESCRIBED, {"ids": shown})}
    named = "; ".join(described[each] for each in shown)
    if found.is_near:
        raise AmbiguousLeadError(
            f"No lead is written like “{typed}”. The nearest: {named}. Ask for one of them by its record id."
        )
    over = "over " if found.is_more else ""
    more = f"; and {over}{found.total - len(shown):,} more" if found.total > len(shown) else ""
    raise AmbiguousLeadError(
        f"{over.capitalize()}{found.total:,} leads match “{typed}”: {named}{more}. "
        "Ask for one of them by its record id."
    )


def named_record(typed: str) -> tuple[str | None, str] | None:
    """Return the client (None: not told) and the record id that a text is; None: it is no record id."""
    by_id = _RECORD_ID.fullmatch(typed.strip())
    return (by_id["client"], by_id["record_id"]) if by_id else None


def _plain(typed: str) -> str:
    """Return a text without what Slack makes of addresses, and what no text of the database can hold."""
    return _UNSTORABLE.sub(" ", _SLACK_LINK.sub(r"\1", typed)).strip()


def _named(typed: str) -> bool:
    """Return whether a text is a whole record id, email or phone number, next to which nothing else is meant."""
    plain = _plain(typed)
    whole = _PHONE.fullmatch(plain) and len(digits_of(plain)) >= NUMBER_DIGITS
    return bool(named_record(plain) or "@" in plain or whole)


def _exact(connection: Connection, clients: tuple[str, ...], typed: str, most: int) -> Found | None:
    """Return whose record id, email or phone number a text is; None: it is none."""
    named = named_record(typed)
    if named:
        client, record_id = named
        among = [each for each in clients if client is None or each.casefold() == client.casefold()]
        return _having(connection, among, "lead_id = :record_id", {"record_id": record_id}, most)
    if "@" in typed:
        token = email_token(typed)
    elif _PHONE.fullmatch(typed) and digits_of(typed):
        token = phone_token(digits_of(typed))
    else:
        return None
    return _having(connection, clients, "words @> array[:token]", {"token": token}, most)


def _having(connection: Connection, clients: Sequence[str], condition: str, values: dict[str, Any], most: int) -> Found:
    query = text(f"""
        select client, lead_id, count(*) over () as total from app.lead_index
        where client = any(:clients) and {condition}
        order by {_LIKELIEST_FIRST} limit {int(most)}
    """)
    rows = connection.execute(query, {"clients": list(clients), **values}).all()
    return Found(tuple(Match(row.client, row.lead_id) for row in rows), rows[0].total if rows else 0)


def _typed_words(connection: Connection, clients: tuple[str, ...], typed: str) -> list[_Typed]:
    """Return the typed words with what the index knows for them, slips left out."""
    words = list(dict.fromkeys(words_of(typed)))[:_MOST_WORDS]
    if _PHONE.fullmatch(typed) and len(digits_of(typed)) >= _FEWEST_DIGITS:
        words = [digits_of(typed)[:LONGEST_WORD]]
    if not words:
        return []
    values = {
        "typed": words,
        "clients": list(clients),
        "beginnings": [word for word in words if not word.isdigit() or len(word) >= _FEWEST_DIGITS],
        "parts": [word for word in words if len(word) >= (_FEWEST_DIGITS if word.isdigit() else _FEWEST_LETTERS)],
        "last": LAST,
    }
    known: dict[tuple[str, str], list[str]] = {}
    for row in connection.execute(_KNOWN, values):
        known.setdefault((row.typed, row.kind), []).append(row.word)

    def kinds(word: str, kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(known.get((word, kind), ())))

    return [_Typed(word, kinds(word, "same"), kinds(word, "begun"), kinds(word, "within")) for word in words]


def _by_words(connection: Connection, clients: tuple[str, ...], words: list[_Typed], most: int) -> list[Match]:
    """Return the leads that have all words: the whole name first, then in the name, then anywhere."""
    found: dict[Match, None] = {}
    steps: list[tuple[str, list[tuple[str, ...]]]] = [
        ("words", [(name_token([each.word for each in words]),)]),
        ("name_words", [each.same for each in words]),
        ("name_words", [each.beginnings for each in words]),
        ("words", [each.same for each in words]),
        ("words", [each.anyhow for each in words]),
    ]
    tried: list[tuple[str, list[tuple[str, ...]]]] = []
    for step in steps:
        column, sets = step
        if len(found) >= most or not all(sets) or step in tried:
            continue
        tried.append(step)
        found |= dict.fromkeys(Match(*row[:2]) for row in _rows(connection, clients, column, sets, most))
    return list(found)[:most]


def _rows(
    connection: Connection, clients: tuple[str, ...], column: str, sets: Sequence[Sequence[str]], most: int
) -> Sequence[Any]:
    """Return the likeliest leads that have a word of each set."""
    condition, values = _condition(column, sets)
    query = text(f"""
        select client, lead_id, words, name_words from app.lead_index
        where client = any(:clients){condition} order by {_LIKELIEST_FIRST} limit {int(most)}
    """)
    return connection.execute(query, {"clients": list(clients), **values}).all()


def _count(connection: Connection, clients: tuple[str, ...], words: list[_Typed]) -> int:
    """Return how many leads have all words, counted to a little over MOST_COUNTED."""
    condition, values = _condition("words", [each.anyhow for each in words])
    query = text(f"""
        select count(*) from (
            select from app.lead_index where client = any(:clients){condition} limit {MOST_COUNTED + 1}
        ) as counted
    """)
    total: int = connection.execute(query, {"clients": list(clients), **values}).scalar_one()
    return total


def _condition(column: str, sets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
    names = [f"set_{number}" for number in range(len(sets))]
    condition = "".join(f" and {column} && cast(:{name} as text[])" for name in names)
    return condition, {name: list(each) for name, each in zip(names, sets, strict=True)}


def _near(connection: Connection, clients: tuple[str, ...], words: list[_Typed], most: int) -> list[Match]:
    """Return the leads whose words are like those typed, with the fewest slips first, in names before elsewhere."""
    guessed = [
        replace(each, slips=slips_of(connection, clients, each.word, may_go_on=each is words[-1])) for each in words
    ]
    sets = [(*each.anyhow, *each.slips) for each in guessed]
    if not guessed or not all(sets):
        return []
    rows = _rows(connection, clients, "words", sets, _MOST_NEAR)
    by_cost = sorted(rows, key=lambda row: _cost(row, guessed))  # stable: among equals the likeliest stays first
    return [Match(row.client, row.lead_id) for row in by_cost[:most]]


def _cost(row: Any, words: list[_Typed]) -> float:
    """Return how far a lead is from what was typed: slips count 2 each, and 1 each whatever makes a match worse."""
    cost = 0.0
    of_name = set(row.name_words)
    for typed in words:
        costs = [
            *(0 if each in of_name else 1 for each in typed.same if each in row.words),
            *(1 if each in of_name else 2 for each in typed.begun if each in row.words),
            *(2 if each in of_name else 3 for each in typed.within if each in row.words),
            *(2 * slips + (0 if each in of_name else 1) for each, slips in typed.slips.items() if each in row.words),
        ]
        cost += min(costs)
    return cost
