"""Which leads a text means: by record id, email or phone exactly, else by the words of name, company, email and phone.

Every typed word is first turned into the words that the index knows for it (`slackbot.answers.known_words`): the same,
longer ones that begin with it, ones that hold it, ones that a slip of the finger makes of it, each with how many leads
have it. Then leads are asked for that have such a word for each typed one. Where one of the typed words is rare, an
index finds them. Where all are frequent, the likeliest leads are walked in the order in which they are shown, and the
first few that have them all are enough. Either way a bounded number of rows is read, so that a word that every lead has
costs no more than another.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.known_words import FEWEST_DIGITS, KnownWords, Slips, Words, known_words, slips_of
from uysp.errors import UyspError
from uysp.lead_index import (
    LONGEST_WORD,
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
_MOST_NEAR = 300  # leads that are compared with what was typed
_RARE = 3_000  # leads with a word up to which they are looked up, all of them
_WALKED = 2_000  # likeliest leads that are walked
_MOST_READ = 20_000  # leads that are looked up where that was not enough

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


# The walk in this order is an index of its own (migration r0006).
_LIKELIEST_FIRST = "is_test, last_sent_at desc nulls last, name, client, lead_id"
_DESCRIBED = text("""
    select client || '/' || lead_id as id,
           case when length(name) > 60 then left(name, 59) || '…' else name end
               || ' (' || concat_ws(', ', left(company, 60), client || '/' || lead_id) || ')' as described
    from app.lead_index where client || '/' || lead_id = any(:ids)
""")


def search_leads(connection: Connection, clients: tuple[str, ...], typed: str, most: int = MOST_MATCHES) -> list[Match]:
    """Return the leads that a text may mean, best match first, for a picker: as `find_leads`, but none is counted.

    Args:
        connection: a transaction under the bot's role; its planning is set to suit these statements.
        clients: keys of the clients whose leads may be found.
        typed: what was typed so far.
        most: at most so many.
    """
    return list(_found(connection, clients, typed, most, counted=False).matches)


def find_leads(connection: Connection, clients: tuple[str, ...], typed: str, most: int = MOST_MATCHES) -> Found:
    """Return the leads that a text means, best match first, at most `most`, and how many there are.

    A record id (alone or as client/record id), an email or a phone number that some lead has wins alone. Otherwise
    every word must be part of name, company, email or phone, in any order; only where no lead has them, those that are
    like it are found.
    """
    return _found(connection, clients, typed, most, counted=True)


def _found(connection: Connection, clients: tuple[str, ...], typed: str, most: int, *, counted: bool) -> Found:
    plain = _plain(typed)
    with _planned(connection):
        exact = _exact(connection, clients, plain, most)
        if exact is not None and (exact.matches or named_record(plain)):
            return exact
        words = _typed_words(connection, clients, plain)
        if not words:
            return Found()
        matches = _by_words(connection, clients, words, most)
        if matches:
            total = _count(connection, clients, words) if counted and len(matches) == most else len(matches)
            return Found(tuple(matches), max(min(total, MOST_COUNTED), len(matches)), total > MOST_COUNTED)
        near = _near(connection, clients, words, most)
    return Found(tuple(near), len(near), is_near=bool(near))


@contextmanager
def _planned(connection: Connection) -> Iterator[None]:
    """Plan statements for the very words they look for, and never by reading the whole index.

    A plan for any words does not know how often they stand. And comparing a row's words with a hundred others takes
    much longer than the planner thinks, which is why it would rather read them all.
    """
    connection.execute(text("set local plan_cache_mode = force_custom_plan; set local enable_seqscan = off"))
    yield
    connection.execute(text("set local plan_cache_mode = default; set local enable_seqscan = default"))


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


def _typed_words(connection: Connection, clients: tuple[str, ...], typed: str) -> list[KnownWords]:
    """Return what the index knows for each typed word, slips left out."""
    words = list(dict.fromkeys(words_of(typed)))[:_MOST_WORDS]
    if _PHONE.fullmatch(typed) and len(digits_of(typed)) >= FEWEST_DIGITS:
        words = [digits_of(typed)[:LONGEST_WORD]]
    return [known_words(connection, clients, word) for word in words]


def _by_words(connection: Connection, clients: tuple[str, ...], words: list[KnownWords], most: int) -> list[Match]:
    """Return the leads that have all words: the whole name first, then in the name, then anywhere."""
    found: dict[Match, None] = {}
    steps: list[tuple[str, list[Words]]] = [
        ("words", [{name_token([each.word for each in words]): 1}]),
        ("name_words", [each.same for each in words]),
        ("name_words", [each.beginnings for each in words]),
        ("words", [each.same for each in words]),
        ("words", [each.anyhow for each in words]),
    ]
    tried: list[tuple[str, list[Words]]] = []
    for step in steps:
        column, sets = step
        if len(found) >= most or not all(sets) or step in tried:
            continue
        tried.append(step)
        found |= dict.fromkeys(Match(*row[:2]) for row in _rows(connection, clients, column, sets, most))
    return list(found)[:most]


def _rows(
    connection: Connection, clients: tuple[str, ...], column: str, sets: Sequence[Words], most: int
) -> Sequence[Any]:
    """Return the likeliest leads that have in this column a word of each set."""
    names, values = _named_sets(clients, sets)
    if min(sum(words.values()) for words in sets) > _RARE:
        # Each of a row's few words is looked for among the many by hash; `&&` would compare all with all.
        having = "".join(
            f" and exists (select from unnest({column}) as word where word = any(cast(:{name} as text[])))"
            for name in names
        )
        walked = f"""
            with likeliest as materialized (
                select * from app.lead_index where client = any(:clients) order by {_LIKELIEST_FIRST} limit {_WALKED}
            )
            select client, lead_id, words, name_words from likeliest where true{having}
            order by {_LIKELIEST_FIRST} limit {int(most)}
        """
        rows = connection.execute(text(walked), values).all()
        if len(rows) >= most:
            return rows
    found = f"""
        with found as materialized ({_looked_up("*", column, names)} limit {_MOST_READ})
        select client, lead_id, words, name_words from found order by {_LIKELIEST_FIRST} limit {int(most)}
    """
    return connection.execute(text(found), values).all()


def _count(connection: Connection, clients: tuple[str, ...], words: list[KnownWords]) -> int:
    """Return how many leads have all words, counted to a little over MOST_COUNTED."""
    names, values = _named_sets(clients, [each.anyhow for each in words])
    query = text(f"""
        select count(*) from ({_looked_up("", "words", names)} limit {MOST_COUNTED + 1}) as counted
    """)
    total: int = connection.execute(query, values).scalar_one()
    return total


def _looked_up(columns: str, column: str, names: Sequence[str]) -> str:
    """Return the select of the leads that have a word of each of these sets; the index intersects them."""
    having = "".join(f" and {column} && cast(:{name} as text[])" for name in names)
    return f"select {columns} from app.lead_index where client = any(:clients){having}"


def _named_sets(clients: tuple[str, ...], sets: Sequence[Words]) -> tuple[list[str], dict[str, Any]]:
    named = {f"set_{number}": list(words) for number, words in enumerate(sets)}
    return list(named), {"clients": list(clients), **named}


def _near(connection: Connection, clients: tuple[str, ...], words: list[KnownWords], most: int) -> list[Match]:
    """Return the leads whose words are like those typed, with the fewest slips first, in names before elsewhere."""
    guessed = [(each, slips_of(connection, clients, each.word, may_go_on=each is words[-1])) for each in words]
    sets: list[Words] = [each.anyhow | {word: slip.leads for word, slip in slips.items()} for each, slips in guessed]
    if not guessed or not all(sets):
        return []
    rows = _rows(connection, clients, "words", sets, _MOST_NEAR)
    by_cost = sorted(rows, key=lambda row: _cost(row, guessed))  # stable: among equals the likeliest stays first
    return [Match(row.client, row.lead_id) for row in by_cost[:most]]


def _cost(row: Any, guessed: Sequence[tuple[KnownWords, Slips]]) -> int:
    """Return how far a lead is from what was typed: slips count 2 each, and 1 each whatever makes a match worse."""
    of_name = set(row.name_words)
    cost = 0
    for known, slips in guessed:
        costs = [
            *(known.rank(word) + (word not in of_name) for word in row.words if word in known.anyhow),
            *(2 * slips[word].count + (word not in of_name) for word in row.words if word in slips),
        ]
        cost += min(costs)
    return cost
