"""Slips of the finger: the words of the index that were meant by a word that nobody has.

A slip is a letter left out, one too many, a wrong one, or two swapped. All words that one slip makes are few enough to
be looked up by name, which needs no extension of the database; those with two slips come from pg_trgm where it is.
Short words have one slip at most, numbers none: a digit that differs makes another number.
"""

from collections.abc import Sequence

from rapidfuzz.distance import OSA
from sqlalchemy import Connection, text

LAST = "\U0010ffff"  # sorts behind any continuation of a word
_MOST_KNOWN = 200  # words of the index for one typed word
_MOST_BEGUN = 10  # words that go on after one variant
_FEWEST_LETTERS = 3
_LETTERS_FOR_TWO_SLIPS = 6
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

# Each variant is looked up by itself, in the order of the primary key, so that none costs more than a few steps.
_SLIPS = text(f"""
    select distinct word from app.lead_index_words
    where client = any(:clients) and word = any(:variants)
    union
    select begun.word from unnest(cast(:clients as text[])) as wanted (client)
    cross join unnest(cast(:unfinished as text[])) as variant
    cross join lateral (
        select word from app.lead_index_words
        where lead_index_words.client = wanted.client
            and word > variant collate "C" and word < (variant || :last) collate "C"
        order by word limit {_MOST_BEGUN}
    ) as begun
""")
_TRIGRAMS = text("""
    select extnamespace::regnamespace::text from pg_extension where extname = 'pg_trgm'
""")


def slips_of(connection: Connection, clients: tuple[str, ...], word: str, *, may_go_on: bool) -> dict[str, int]:
    """Return the words of the index that differ from a typed one by a slip or two, and by how many.

    Args:
        connection: a transaction under the bot's role.
        clients: keys of the clients whose words are meant.
        word: as `uysp.lead_index.words_of` folds it.
        may_go_on: whether the word may be unfinished, so that those count that go on after a slip.
    """
    if len(word) < _FEWEST_LETTERS or word.isdigit():
        return {}
    variants = _one_slip(word)
    unfinished = variants if may_go_on and len(word) > _FEWEST_LETTERS else []
    values = {"clients": list(clients), "variants": variants, "unfinished": unfinished, "last": LAST}
    known: Sequence[str] = connection.execute(_SLIPS, values).scalars().all()
    slips = dict.fromkeys(known, 1)
    if len(word) >= _LETTERS_FOR_TWO_SLIPS:
        for each in _alike(connection, clients, word):
            distance = OSA.distance(word, each, score_cutoff=2)
            if distance <= 2:
                slips.setdefault(each, distance)
    return {each: count for each, count in slips.items() if each != word}


def _alike(connection: Connection, clients: tuple[str, ...], word: str) -> Sequence[str]:
    """Return words of the index that share many groups of three letters with this one; none without pg_trgm."""
    schema = connection.execute(_TRIGRAMS).scalar()
    if schema is None:
        return ()
    query = text(f"""
        select word from app.lead_index_words where client = any(:clients) and word operator({schema}.%) :word
        order by {schema}.similarity(word, :word) desc limit {_MOST_KNOWN}
    """)
    found: Sequence[str] = connection.execute(query, {"clients": list(clients), "word": word}).scalars().all()
    return found


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
