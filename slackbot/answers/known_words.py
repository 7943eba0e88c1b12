"""The words of the index that a typed word may stand for, with how many leads have each.

A slip of the finger is a letter left out, one too many, a wrong one, or two swapped. All words that one slip makes are
few enough to be looked up by name, which needs no extension of the database; those with two slips come from pg_trgm
where it is. Short words have one slip at most, numbers none: a digit that differs makes another number.

Every look-up is bound to one client's words by the statement itself and stops after a bounded number of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

Words = dict[str, int]  # words of the index, with the leads that have them

MOST_KNOWN = 100  # words of the index for one typed word, of each kind
_FREQUENT = 3_000  # words among which those are that begin with a letter or two
_MOST_BEGUN = 10  # words that go on after one variant
_FEWEST_LETTERS = 3  # of a part in the middle of a word, of a beginning that is looked up, of a word with a slip
FEWEST_DIGITS = 4  # of a part of a phone number
_LETTERS_FOR_TWO_SLIPS = 6
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_LAST = "\U0010ffff"  # sorts behind any continuation of a word

_SAME = text("select word, leads from app.lead_index_words where client = :client and word = :word")
_BEGUN = text(f"""
    select word, leads from app.lead_index_words
    where client = :client and word > :word collate "C" and word < (:word || :last) collate "C"
    order by leads desc, word limit {MOST_KNOWN}
""")
# Of the words that begin with a letter or two there are too many to be sorted: the most frequent ones do.
_BEGUN_SHORT = text(f"""
    select word, leads from (
        select word, leads from app.lead_index_words where client = :client
        order by leads desc, word limit {_FREQUENT}
    ) as frequent
    where starts_with(word, :word) and word <> :word limit {MOST_KNOWN}
""")
_WITHIN = text(f"""
    select word, leads from app.lead_index_words
    where client = :client and word like :part and not starts_with(word, :word) limit {MOST_KNOWN}
""")
_SLIPS = text("select word, leads from app.lead_index_words where client = :client and word = any(:variants)")
# Each variant is looked up by itself, in the order of the primary key, so that none costs more than a few steps.
_SLIPS_BEGUN = text(f"""
    select begun.word, begun.leads from unnest(cast(:variants as text[])) as variant
    cross join lateral (
        select word, leads from app.lead_index_words
        where client = :client and word > variant collate "C" and word < (variant || :last) collate "C"
        order by word limit {_MOST_BEGUN}
    ) as begun
    limit {MOST_KNOWN}
""")
_TRIGRAMS = text("select extnamespace::regnamespace::text from pg_extension where extname = 'pg_trgm'")


@dataclass(frozen=True)
class KnownWords:
    """A typed word with the words of the index that have it.

    Attributes:
        word: as `uysp.lead_index.words_of` folds it.
        same: itself, if it is there.
        begun: longer ones that begin with it.
        within: ones that hold it elsewhere.
    """

    word: str
    same: Words
    begun: Words
    within: Words

    @property
    def beginnings(self) -> Words:
        """Return those that are or begin with the word."""
        return {**self.same, **self.begun}

    @property
    def anyhow(self) -> Words:
        """Return all of them."""
        return {**self.same, **self.begun, **self.within}

    def rank(self, word: str) -> int:
        """Return how good one of them is: 0 the best."""
        return 0 if word in self.same else 1 if word in self.begun else 2


@dataclass(frozen=True)
class Slip:
    """How many slips make a word of the index of one that was typed, and how many leads have it."""

    count: int
    leads: int


Slips = dict[str, Slip]


def known_words(connection: Connection, clients: tuple[str, ...], word: str) -> KnownWords:
    """Return what the index has for a typed word.

    Args:
        connection: a transaction under the bot's role.
        clients: keys of the clients whose words are meant.
        word: as `uysp.lead_index.words_of` folds it.
    """
    fewest = FEWEST_DIGITS if word.isdigit() else _FEWEST_LETTERS
    same: dict[str, int] = {}
    begun: dict[str, int] = {}
    within: dict[str, int] = {}
    for client in clients:
        values = {"client": client, "word": word}
        same |= _merged(same, connection.execute(_SAME, values).all())
        if len(word) >= fewest:
            begun |= _merged(begun, connection.execute(_BEGUN, {**values, "last": _LAST}).all())
            # Of letters that the database's locale does not know, pg_trgm knows no parts: then all words are read.
            if word.isascii() or not (same or begun):
                within |= _merged(within, connection.execute(_WITHIN, {**values, "part": f"%{word}%"}).all())
        elif not word.isdigit():
            begun |= _merged(begun, connection.execute(_BEGUN_SHORT, values).all())
    return KnownWords(word, same, begun, within)


def slips_of(connection: Connection, clients: tuple[str, ...], word: str, *, may_go_on: bool) -> Slips:
    """Return the words of the index that differ from a typed one by a slip or two.

    Args:
        connection: a transaction under the bot's role.
        clients: keys of the clients whose words are meant.
        word: as `uysp.lead_index.words_of` folds it.
        may_go_on: whether the word may be unfinished, so that those count that go on after a slip.
    """
    if len(word) < _FEWEST_LETTERS or word.isdigit():
        return {}
    variants = _one_slip(word)
    found: dict[str, Slip] = {}
    for client in clients:
        values = {"client": client, "variants": variants, "last": _LAST}
        rows = [(row.word, 1, row.leads) for row in connection.execute(_SLIPS, values)]
        if may_go_on and len(word) > _FEWEST_LETTERS:
            rows += [(row.word, 1, row.leads) for row in connection.execute(_SLIPS_BEGUN, values)]
        if len(word) >= _LETTERS_FOR_TWO_SLIPS:
            rows += _two_slips(connection, client, word)
        for each, count, leads in rows:
            known = found.get(each, Slip(count, 0))
            if each != word:
                found[each] = Slip(min(known.count, count), max(known.leads, leads))
    return found


def _merged(known: Words, rows: Sequence[Any]) -> dict[str, int]:
    """Return the leads of several clients added up."""
    return {row.word: known.get(row.word, 0) + row.leads for row in rows}


def _two_slips(connection: Connection, client: str, word: str) -> Iterator[tuple[str, int, int]]:
    """Yield words that share many groups of three letters with this one and are two slips away at most.

    Which letters there are, the database's locale says; of a word that has none for it, nothing can be compared.
    """
    from rapidfuzz.distance import OSA  # not above: it takes time, and few questions come this far

    schema = connection.execute(_TRIGRAMS).scalar()
    if schema is None:
        return
    query = text(f"""
        select word, leads from app.lead_index_words
        where client = :client and word operator({schema}.%) :word and {schema}.show_trgm(:word) <> '{{}}'
        order by {schema}.similarity(word, :word) desc limit {MOST_KNOWN}
    """)
    for row in connection.execute(query, {"client": client, "word": word}):
        count = OSA.distance(word, row.word, score_cutoff=2)
        if count <= 2:
            yield row.word, count, row.leads


def _one_slip(word: str) -> list[str]:
    """Return all words that a slip makes of this one."""
    letters = _letters_beside(word)
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    variants = {left + right[1:] for left, right in splits if right}
    variants |= {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    variants |= {left + letter + right[1:] for left, right in splits if right for letter in letters}
    variants |= {left + letter + right for left, right in splits for letter in letters}
    return sorted(variants - {word})


def _letters_beside(word: str) -> str:
    """Return the letters that may stand in a word: those of its own script."""
    if word.isascii():
        return _ALPHABET
    blocks = {ord(letter) // 128 for letter in word if not letter.isascii()}
    return "".join(
        chr(code)
        for block in sorted(blocks)
        for code in range(block * 128, block * 128 + 128)
        if chr(code).isalpha() and chr(code) == chr(code).lower()
    )
