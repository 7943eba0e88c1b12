"""Erase a client, or a lead, completely: records, history, marts, what is remembered of them, details in the log.

Every table that has a column `client` is looked at, so that one that is added later is not forgotten. What the marts
hold goes in the same transaction; whoever calls builds them again afterwards, for the numbers that change with it.
A deleted row stays readable in the database's files until its place is written over, so they are written anew.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, ScalarResult, text
from sqlalchemy.exc import DBAPIError

from uysp import lead_index
from uysp.airtable.limiter import base_scope
from uysp.database import MARTS_LOCK, exclusive
from uysp.errors import ConfigurationError
from uysp.phones import PHONE_KEY

LOG = "app.activity_log"  # its lines stay, without what they say about whom
MESSAGES = "app.write_messages"  # one about several leads names them all
_ITS_REFERENCES = "select reference from app.write_requests where client = :client and lead_id = any(:ids)"
INDEX = ("app.lead_index", "app.lead_index_words")  # of the marts' leads
STATISTICS = "pg_catalog.pg_statistic"  # has values of rows
LOCK_SECONDS = 5.0  # a table that is in use for longer is not waited for
DERIVED = ("intermediate", "marts")  # computed from raw; staging has views only
ID_COLUMNS = ("record_id", "lead_id", "message_id")
RECORD_ID = re.compile(r"(?:(?P<client>[^\s/]+)/)?(?P<record_id>rec[A-Za-z0-9]{14})")

# A list loses the items that name the lead, and is gone like any empty cell when nothing is left; a record id is
# letters and digits, so without it every other value is still JSON.
_WITHOUT_LEAD = """
    coalesce((
        select jsonb_object_agg(name, rest) from (
            select name, case
                when strpos(value::text, :lead_id) = 0 then value
                when jsonb_typeof(value) <> 'array' then replace(value::text, :lead_id, '')::jsonb
                else (
                    select jsonb_agg(item order by place)
                    from jsonb_array_elements(value) with ordinality as items (item, place)
                    where strpos(item::text, :lead_id) = 0
                )
            end as rest
            from jsonb_each(fields) as cells (name, value)
        ) as scrubbed where rest is not null
    ), '{}')
"""


@dataclass(frozen=True)
class Erasure:
    """What there is to erase, or was erased.

    Attributes:
        rows: by table of raw and app; of the log, lines that lose what they say.
        mentions: rows of others, by table, that name a lead (a campaign's list of its leads) and lose that.
        standing: records among them that Airtable still had when it was last read.
        touched: all tables that lost something, those of the marts included.
        not_cleaned: those of them whose files may still hold it, because they were in use.
    """

    rows: Mapping[str, int]
    mentions: Mapping[str, int]
    standing: int
    touched: tuple[str, ...] = ()
    not_cleaned: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known."""
        return not self.rows and not self.mentions

    def lines(self) -> list[str]:
        """Return it in words, a line for each table."""
        said = [f"{table}: {rows:,} row{'' if rows == 1 else 's'}" for table, rows in self.rows.items()]
        return said + [f"{table}: its mention in {rows:,} more" for table, rows in self.mentions.items()]


@dataclass(frozen=True)
class _Plan:
    """Which rows go, which are scrubbed: SQL conditions by table, and their values."""

    gone: Mapping[str, str]
    scrubbed: Mapping[str, str]
    values: Mapping[str, object]


def record_named(typed: str) -> tuple[str | None, str]:
    """Return the client (None: not told) and record id of a text like `recXXXXXXXXXXXXXX` or `acme/recXXXXXXXXXXXXXX`.

    Raises:
        ConfigurationError: it is none.
    """
    named = RECORD_ID.fullmatch(typed.strip())
    if named is None:
        raise ConfigurationError(
            f"{typed[:40]!r} is no record id, so nothing was erased; “uysp ask 'lead NAME'” shows a lead's record id."
        )
    return named["client"], named["record_id"]


def known_clients(engine: Engine) -> list[str]:
    """Return the keys of all clients that something was read of."""
    with engine.connect() as connection:
        return list(connection.execute(text("select client from raw.clients order by client")).scalars())


def what_is_known_of_client(engine: Engine, client: str) -> Erasure:
    """Count what erasing a client would erase."""
    with engine.connect() as connection:
        return _counted(connection, _client_plan(connection, client))


def what_is_known_of_lead(engine: Engine, client: str, lead_id: str) -> Erasure:
    """Count what erasing a lead would erase: its record, its messages, what is remembered of both."""
    with engine.connect() as connection:
        return _counted(connection, _lead_plan(connection, client, lead_id))


def same_person(engine: Engine, client: str, lead_id: str) -> list[str]:
    """Return other leads, deleted ones included, that ever had an email or phone of this one: maybe the same person."""
    with engine.connect() as connection:
        return list(
            connection.execute(
                text(f"""
                    with versions as (
                        select record_id, {PHONE_KEY} as phone, nullif(lower(btrim(fields ->> 'Email')), '') as email
                        from raw.leads_history where client = :client
                    ),
                    its as (select phone, email from versions where record_id = :lead_id)
                    select distinct record_id from versions
                    where record_id <> :lead_id
                      and (phone in (select phone from its) or email in (select email from its))
                    order by record_id
                """),
                {"client": client, "lead_id": lead_id},
            ).scalars()
        )


def forget_client(
    engine: Engine,
    client: str,
    end_hook: Callable[[], None] = lambda: None,
    on_wait: Callable[[], None] | None = None,
    lock_seconds: float = LOCK_SECONDS,
) -> Erasure:
    """Erase everything of a client, in one transaction, and from the database's files.

    Args:
        engine: as the pipeline.
        client: its key.
        end_hook: ends the base's webhook, while no sync of the client can make another.
        on_wait: called if a sync, sweep or build has to end first.
        lock_seconds: how long to wait for a table that somebody reads, to write its file anew.
    """
    with _alone(engine, client, on_wait):
        end_hook()
        with engine.begin() as connection:
            bases: ScalarResult[str] = connection.execute(
                text("select base_id from raw.clients where client = :client"), {"client": client}
            ).scalars()
            connection.execute(
                text("delete from app.airtable_pace where scope = any(:scopes)"),
                {"scopes": [base_scope(base_id) for base_id in bases]},
            )
            erased = _erase(connection, _client_plan(connection, client))
        return _cleaned(engine, erased, lock_seconds)


def forget_lead(
    engine: Engine,
    client: str,
    lead_id: str,
    on_wait: Callable[[], None] | None = None,
    lock_seconds: float = LOCK_SECONDS,
) -> Erasure:
    """Erase everything of a lead, in one transaction, and from the database's files.

    Args:
        engine: as the pipeline.
        client: whose lead.
        lead_id: its record id.
        on_wait: called if a sync, sweep or build has to end first.
        lock_seconds: how long to wait for a table that somebody reads, to write its file anew.
    """
    with _alone(engine, client, on_wait):
        with engine.begin() as connection:
            lead_index.uncount(connection, client, lead_id)
            erased = _erase(connection, _lead_plan(connection, client, lead_id))
        return _cleaned(engine, erased, lock_seconds)


@contextmanager
def _alone(engine: Engine, client: str, on_wait: Callable[[], None] | None) -> Iterator[None]:
    """Keep away whoever would write again what is erased, from what was read before."""
    with (
        exclusive(engine, f"sync {client}", on_wait),
        exclusive(engine, f"sweep {client}", on_wait),
        exclusive(engine, MARTS_LOCK, on_wait),
    ):
        yield


def _client_plan(connection: Connection, client: str) -> _Plan:
    return _Plan(dict.fromkeys(_tables(connection), "client = :client"), {}, {"client": client})


def _lead_plan(connection: Connection, client: str, lead_id: str) -> _Plan:
    record_named(lead_id)  # a text that is none would be found everywhere
    gone, scrubbed = {}, {}
    for table, columns in _tables(connection).items():
        mine = " or ".join(f"{column} = any(:ids)" for column in ID_COLUMNS if column in columns)
        if table == LOG:
            gone[table] = f"(client = :client or client is null) and ({mine} or strpos(details::text, :lead_id) > 0)"
        elif table == MESSAGES:
            gone[table] = f"client = :client and ({mine} or reference in ({_ITS_REFERENCES}))"
        elif mine:
            gone[table] = f"client = :client and ({mine})"
        if table.startswith("raw.") and "fields" in columns:
            scrubbed[table] = f"client = :client and not ({mine}) and strpos(fields::text, :lead_id) > 0"
    messages = _message_ids(connection, client, lead_id)
    return _Plan(gone, scrubbed, {"client": client, "lead_id": lead_id, "ids": [lead_id, *messages]})


def _tables(connection: Connection) -> dict[str, Sequence[str]]:
    """Return the columns of every table that has a column `client`."""
    found = connection.execute(
        text("""
            select format('%I.%I', table_schema, table_name) as name, array_agg(column_name::text) as columns
            from information_schema.columns
            join information_schema.tables using (table_catalog, table_schema, table_name)
            where table_schema = any(:schemas) and table_type = 'BASE TABLE'
            group by table_schema, table_name
            having bool_or(column_name = 'client')
            order by table_schema, table_name
        """),
        {"schemas": ["raw", "app", *DERIVED]},
    )
    return {row.name: row.columns for row in found}


def _record_tables(connection: Connection) -> list[str]:
    """Return the tables of raw with a row for each record as it is now."""
    return [
        name
        for name, columns in _tables(connection).items()
        if name.startswith("raw.") and {"record_id", "deleted_at"} <= set(columns)
    ]


def _message_ids(connection: Connection, client: str, lead_id: str) -> list[str]:
    """Return the audit records about a lead: by its id, or by its phone where they name no lead that is known."""
    return list(
        connection.execute(
            text(f"""
                with phones as (
                    select distinct {PHONE_KEY} as phone from raw.leads_history
                    where client = :client and record_id = :lead_id
                )
                select distinct record_id from raw.sms_audit_history
                where client = :client and (
                    strpos(fields ->> 'Lead Record ID', :lead_id) > 0
                    or (
                        {PHONE_KEY} in (select phone from phones)
                        and not exists (
                            select from raw.leads where leads.client = :client
                            and leads.record_id = btrim(sms_audit_history.fields ->> 'Lead Record ID')
                        )
                    )
                )
            """),
            {"client": client, "lead_id": lead_id},
        ).scalars()
    )


def _counted(connection: Connection, plan: _Plan) -> Erasure:
    def count(conditions: Mapping[str, str]) -> dict[str, int]:
        counts = {}
        for table, condition in conditions.items():
            if not table.startswith(DERIVED):
                query = text(f"select count(*) from {table} where {condition}")
                counts[table] = int(connection.execute(query, plan.values).scalar_one())
        return {table: rows for table, rows in counts.items() if rows}

    return Erasure(count(plan.gone), count(plan.scrubbed), _standing(connection, plan))


def _standing(connection: Connection, plan: _Plan) -> int:
    standing = 0
    for table in _record_tables(connection):
        query = text(f"select count(*) from {table} where ({plan.gone[table]}) and deleted_at is null")
        standing += int(connection.execute(query, plan.values).scalar_one())
    return standing


def _erase(connection: Connection, plan: _Plan) -> Erasure:
    standing = _standing(connection, plan)
    rows: dict[str, int] = {}
    mentions: dict[str, int] = {}
    for table, condition in plan.scrubbed.items():
        statement = f"update {table} set fields = {_WITHOUT_LEAD} where {condition}"
        mentions[table] = connection.execute(text(statement), plan.values).rowcount
    for table, condition in plan.gone.items():
        statement = f"delete from {table} where {condition}"
        if table == LOG:
            of_client = "" if "lead_id" in plan.values else ", client = null"
            statement = f"update {table} set lead_id = null, details = '{{}}'{of_client} where {condition}"
        rows[table] = connection.execute(text(statement), plan.values).rowcount
    if "lead_id" in plan.values:
        _count_anew(connection, plan)
    # Have the marts built anew by the next sync, should whoever calls not come to it: all of the client's, because what
    # is erased can have counted with others (a phone, the spelling of a campaign).
    connection.execute(text("delete from app.built_loads where client = :client"), plan.values)
    connection.execute(text("update app.builds set loads = '', tried_loads = ''"))
    return Erasure(
        {table: count for table, count in rows.items() if count and not table.startswith(DERIVED)},
        {table: count for table, count in mentions.items() if count},
        standing,
        tuple(sorted(table for table in rows.keys() | mentions.keys() if rows.get(table) or mentions.get(table))),
    )


def _count_anew(connection: Connection, plan: _Plan) -> None:
    for table in _record_tables(connection):
        connection.execute(
            text(f"""
                update raw.table_counts set (rows, deleted_rows, last_changed_at) = (
                    select
                        count(*) filter (where deleted_at is null),
                        count(*) filter (where deleted_at is not null),
                        max(modified_at)
                    from {table} where client = :client
                )
                where client = :client and source_table = :source_table
            """),
            {**plan.values, "source_table": table.removeprefix("raw.")},
        )


def _cleaned(engine: Engine, erased: Erasure, lock_seconds: float) -> Erasure:
    """Write the files of what lost rows anew, under the login: it owns schema app and may do so for the rest."""
    not_cleaned = []
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # the pool's connections have their own role and limits
    with connection:
        for setting in ("reset role", "set statement_timeout = 0", f"set lock_timeout = '{lock_seconds * 1000:.0f}ms'"):
            connection.exec_driver_sql(setting)
        for table in (*dict.fromkeys((*erased.touched, *INDEX)), STATISTICS):
            try:
                connection.exec_driver_sql(f"vacuum (full, analyze) {table}")
            except DBAPIError:  # in use, or no room for a second copy: its space is at least freed for new rows
                not_cleaned.append(table)
                with suppress(DBAPIError):
                    connection.exec_driver_sql(f"vacuum (analyze) {table}")
    return replace(erased, not_cleaned=tuple(not_cleaned))
