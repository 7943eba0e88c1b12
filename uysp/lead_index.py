"""The words by which leads are found: how text is folded into them, and the index of them in schema `app`.

Belongs here: what typed text and stored text are compared as, and keeping the index in step with marts.leads. Asking
it is `slackbot.answers.search`. Folding is done here and not by the database, so that it does not depend on the
database's locale and is the same on both sides.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, text

from uysp.driver import driver_of

LONGEST_WORD = 64  # characters; what is longer is cut on both sides
MOST_WORDS = 48  # of a lead; nobody searches for the rest
NUMBER_DIGITS = 10  # a phone number is told by its last ten (spec/metrics.md section 7)
_BATCH = 5_000
# What migration r0006 does where it may; `uysp doctor` shows it where it might not.
PARTS_SQL = """\
create extension if not exists pg_trgm with schema app;
create index if not exists lead_index_words_parts on app.lead_index_words using gin (word app.gin_trgm_ops);
"""

_EXTENSION = re.compile(r"(?:x|ext\.?|extension|#)\s*\d*\s*$", re.IGNORECASE)
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´"))
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"})


def words_of(value: str | None) -> list[str]:
    """Return the words of a text as they are compared: lower case, without accents, apostrophes and punctuation."""
    if not value:
        return []
    plain = value.translate(_APOSTROPHES)
    if plain.isascii():
        found = _ASCII_WORD.findall(plain.lower())
    else:
        apart = unicodedata.normalize("NFKD", plain).casefold().translate(_LETTERS)
        bare = (each for each in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(each))
        found = "".join(each if each.isalnum() else " " for each in bare).split()
    return [word[:LONGEST_WORD] for word in found]


def digits_of(phone: str | None) -> str:
    """Return the digits of a phone number without its extension."""
    return re.sub(r"\D", "", _EXTENSION.sub("", phone)) if phone else ""


def name_token(words: list[str]) -> str:
    """Return what stands in the index for a whole name, in whatever order its words come."""
    return f"={' '.join(sorted(words))}"[: 4 * LONGEST_WORD]


def email_token(email: str) -> str:
    """Return what stands in the index for a whole email address."""
    return f"@{' '.join(email.split()).casefold()}"[: 4 * LONGEST_WORD]


def phone_token(digits: str) -> str:
    """Return what stands in the index for a whole phone number, with or without the code of its country."""
    return f"#{digits[-NUMBER_DIGITS:]}"


def is_token(word: str) -> bool:
    """Return whether a word of the index stands for a whole value: nobody types it, and parts of it mean nothing."""
    return word[0] in "=@#"


def lead_words(name: str, company: str | None, email: str | None, phone: str | None) -> tuple[list[str], list[str]]:
    """Return the words of a lead's name, and all its words with what stands for whole values."""
    of_name = list(dict.fromkeys(words_of(name)))[:MOST_WORDS]
    digits = digits_of(phone)
    tokens = [name_token(of_name)] if of_name else []
    tokens += [email_token(email)] if email else []
    tokens += [phone_token(digits)] if digits else []
    others = [*words_of(company), *words_of(email), *([digits[:LONGEST_WORD]] if digits else [])]
    return of_name, list(dict.fromkeys([*tokens, *of_name, *others]))[:MOST_WORDS]


_CHANGED = """
    declare changed no scroll cursor for
    select leads.client, leads.lead_id, leads.name, leads.company, leads.email, leads.phone, leads.is_test,
        leads.last_sent_at
    from marts.leads
    left join app.lead_index using (client, lead_id)
    where lead_index.lead_id is null
        or (leads.name, leads.is_test) is distinct from (lead_index.name, lead_index.is_test)
        or leads.company is distinct from lead_index.company
        or leads.email is distinct from lead_index.email
        or leads.phone is distinct from lead_index.phone
        or leads.last_sent_at is distinct from lead_index.last_sent_at
"""
# What is found out is read to its end, so the plan has not to be quick about the first rows; and what is put in goes
# into the indexes all at once. Words come in one text each lead, because lists are slow to hand over.
_STAGE = """
    set local cursor_tuple_fraction = 1;
    set local gin_pending_list_limit = '256MB';
    set local maintenance_work_mem = '256MB';
    set local work_mem = '64MB';
    create temporary table found_leads (
        client text, lead_id text, name text, company text, email text, phone text, is_test boolean,
        last_sent_at timestamptz, name_words text, words text
    ) on commit drop;
    create temporary table counted_words (client text, word text collate "C", leads integer) on commit drop;
"""
# How often words come and go, before the index is changed; those that stand for whole values are nobody's words.
_COUNT = """
    insert into counted_words (client, word, leads)
    select client, word, sum(change) from (
        select client, unnest(string_to_array(words, E'\\n')) as word, 1 as change from found_leads
        union all
        select lead_index.client, unnest(lead_index.words), -1
        from app.lead_index join found_leads using (client, lead_id)
        union all
        select client, unnest(words), -1 from app.lead_index
        where not exists (
            select from marts.leads where leads.client = lead_index.client and leads.lead_id = lead_index.lead_id
        )
    ) as changes
    where word !~ '^[=@#]'
    group by client, word
    having sum(change) <> 0
    order by client, word collate "C"
"""
_GONE = """
    delete from app.lead_index
    where not exists (
        select from marts.leads
        where leads.client = lead_index.client and leads.lead_id = lead_index.lead_id
    )
"""
_PUT = """
    insert into app.lead_index
    select client, lead_id, name, company, email, phone, is_test, last_sent_at,
        string_to_array(name_words, E'\\n'), string_to_array(words, E'\\n')
    from found_leads
    on conflict (client, lead_id) do update set
        name = excluded.name, company = excluded.company, email = excluded.email, phone = excluded.phone,
        is_test = excluded.is_test, last_sent_at = excluded.last_sent_at,
        name_words = excluded.name_words, words = excluded.words;
    insert into app.lead_index_words select * from counted_words
    on conflict (client, word) do update set leads = lead_index_words.leads + excluded.leads;
    delete from app.lead_index_words using counted_words
    where lead_index_words.client = counted_words.client and lead_index_words.word = counted_words.word
        and lead_index_words.leads <= 0;
"""
_UNCOUNT = """
    update app.lead_index_words set leads = leads - 1
    where client = :client and word = any(
        array(select unnest(words) from app.lead_index where client = :client and lead_id = :lead_id)
    )
"""
# What else would wait for autovacuum: the statistics, without which the first searches are planned blind, and the
# lists of what is to be put into the indexes, which every search would read. Only their owner may, and that is, as of
# all of schema app, the login.
_TIDY = """
    set local role none;
    select gin_clean_pending_list(indexrelid) from pg_index
    join pg_class on pg_class.oid = indexrelid
    join pg_am on pg_am.oid = relam and amname = 'gin'
    where indrelid in ('app.lead_index'::regclass, 'app.lead_index_words'::regclass);
"""
_ANALYZE = "analyze app.lead_index; analyze app.lead_index_words"


def has_parts(connection: Connection) -> bool:
    """Return whether parts of words are looked up through an index, which takes the extension pg_trgm."""
    found: bool = connection.execute(text("select to_regclass('app.lead_index_words_parts') is not null")).scalar_one()
    return found


def refresh(engine: Engine) -> int:
    """Bring the index in step with marts.leads, in one transaction; return how many leads were taken up anew.

    Only leads whose cells differ are folded; where nothing did, it costs one comparison of the two tables.

    Args:
        engine: of `uysp.database.open_database`, with the pipeline's role.
    """
    with engine.begin() as connection:
        if connection.execute(text("select to_regclass('marts.leads')")).scalar_one() is None:
            return 0
        connection.execute(text("select pg_advisory_xact_lock(hashtext('lead index'))"))
        connection.exec_driver_sql(_STAGE)
        changed = sum(_stage(connection, batch) for batch in _changed(connection))
        connection.exec_driver_sql(_COUNT)
        gone = connection.exec_driver_sql(_GONE).rowcount
        if gone or changed:
            connection.exec_driver_sql(_PUT)
            connection.exec_driver_sql(_TIDY)
        if changed > _BATCH:
            connection.exec_driver_sql(_ANALYZE)
    return changed


def uncount(connection: Connection, client: str, lead_id: str) -> None:
    """Take a lead's words out of those that there are, in the caller's transaction, before its row is deleted."""
    key = {"client": client, "lead_id": lead_id}
    connection.execute(text(_UNCOUNT), key)
    connection.execute(text("delete from app.lead_index_words where client = :client and leads <= 0"), key)


def _changed(connection: Connection) -> Iterator[list[Any]]:
    connection.exec_driver_sql(_CHANGED)
    fetch = text(f"fetch {_BATCH} from changed")
    while batch := connection.execute(fetch).all():
        yield list(batch)
    connection.exec_driver_sql("close changed")


def _stage(connection: Connection, batch: list[Any]) -> int:
    """Hand over leads with their words; return how many."""
    columns = "client, lead_id, name, company, email, phone, is_test, last_sent_at, name_words, words"
    with driver_of(connection).cursor() as cursor, cursor.copy(f"copy found_leads ({columns}) from stdin") as copy:
        for row in batch:
            of_name, words = lead_words(row.name, row.company, row.email, row.phone)
            copy.write_row((*row, "\n".join(of_name), "\n".join(words)))
    return len(batch)
