"""Erase a client, or a lead, completely: rows, history, what is remembered of them, details in the log.

Every table of raw and app that has a column `client` is looked at, so that one that is added later is not forgotten.
The marts are rebuilt afterwards by whoever calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text

from uysp.database import exclusive

LOG = "app.activity_log"  # its lines stay, without what they say about whom


@dataclass(frozen=True)
class Erasure:
    """What there is to erase, or was erased: rows by table."""

    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())

    def said(self) -> str:
        """Return it in words."""
        return ", ".join(f"{rows:,} of {table}" for table, rows in self.rows.items()) or "nothing"


def what_is_known_of_client(engine: Engine, client: str) -> Erasure:
    """Count what erasing a client would erase."""
    with engine.connect() as connection:
        return _counted(connection, dict.fromkeys(_tables(connection), "client = :client"), {"client": client})


def what_is_known_of_lead(engine: Engine, client: str, lead_id: str) -> Erasure:
    """Count what erasing a lead would erase: its record, its messages, what is remembered of both."""
    with engine.connect() as connection:
        messages = _message_ids(connection, client, lead_id)
        return _counted(connection, _lead_conditions(connection), _lead_values(client, lead_id, messages))


def forget_client(engine: Engine, client: str) -> Erasure:
    """Erase everything of a client, in one transaction; waits for a sync of it to end."""
    with exclusive(engine, f"sync {client}"), exclusive(engine, f"sweep {client}"), engine.begin() as connection:
        conditions = dict.fromkeys(_tables(connection), "client = :client")
        erased = _erase(connection, conditions, {"client": client})
        _build_again(connection)
        return erased


def forget_lead(engine: Engine, client: str, lead_id: str) -> Erasure:
    """Erase everything of a lead, in one transaction; waits for a sync of the client to end."""
    with exclusive(engine, f"sync {client}"), exclusive(engine, f"sweep {client}"), engine.begin() as connection:
        messages = _message_ids(connection, client, lead_id)
        erased = _erase(connection, _lead_conditions(connection), _lead_values(client, lead_id, messages))
        _build_again(connection)
        return erased


def clients_of_lead(engine: Engine, lead_id: str) -> list[str]:
    """Return the clients that have, or had, this lead."""
    with engine.connect() as connection:
        return list(
            connection.execute(
                text("select client from raw.leads where record_id = :lead_id order by client"), {"lead_id": lead_id}
            ).scalars()
        )


def _tables(connection: Connection, column: str = "client") -> list[str]:
    return list(
        connection.execute(
            text("""
                select table_schema || '.' || table_name from information_schema.columns
                join information_schema.tables using (table_catalog, table_schema, table_name)
                where table_schema in ('raw', 'app') and column_name = :column and table_type = 'BASE TABLE'
                order by table_schema, table_name
            """),
            {"column": column},
        ).scalars()
    )


def _message_ids(connection: Connection, client: str, lead_id: str) -> list[str]:
    """Return the audit records that are about a lead: by its id, or, without one, by its phone's last ten digits."""
    return list(
        connection.execute(
            text("""
                with phones as (
                    select distinct right(regexp_replace(fields ->> 'Phone', '[^0-9]', '', 'g'), 10) as digits
                    from raw.leads_history where client = :client and record_id = :lead_id
                )
                select distinct record_id from raw.sms_audit_history
                where client = :client and (
                    fields ->> 'Lead Record ID' = :lead_id
                    or (
                        coalesce(fields ->> 'Lead Record ID', '') = ''
                        and length(regexp_replace(fields ->> 'Phone', '[^0-9]', '', 'g')) >= 10
                        and right(regexp_replace(fields ->> 'Phone', '[^0-9]', '', 'g'), 10) in (table phones)
                    )
                )
            """),
            {"client": client, "lead_id": lead_id},
        ).scalars()
    )


def _lead_conditions(connection: Connection) -> dict[str, str]:
    """Return, for each table that may hold something about a lead, which rows do."""
    conditions = dict.fromkeys(_tables(connection, "record_id"), "client = :client and record_id = any(:record_ids)")
    return conditions | dict.fromkeys(_tables(connection, "lead_id"), "client = :client and lead_id = :lead_id")


def _lead_values(client: str, lead_id: str, messages: list[str]) -> dict[str, object]:
    return {"client": client, "lead_id": lead_id, "record_ids": [lead_id, *messages]}


def _counted(connection: Connection, conditions: Mapping[str, str], values: Mapping[str, object]) -> Erasure:
    counts: dict[str, int] = {}
    for table, condition in conditions.items():
        rows: int = connection.execute(text(f"select count(*) from {table} where {condition}"), values).scalar_one()
        if rows:
            counts[table] = rows
    return Erasure(counts)


def _erase(connection: Connection, conditions: Mapping[str, str], values: Mapping[str, object]) -> Erasure:
    erased = _counted(connection, conditions, values)
    for table, condition in conditions.items():
        if table == LOG:
            statement = f"update {table} set lead_id = null, details = '{{}}', client = null where {condition}"
        else:
            statement = f"delete from {table} where {condition}"
        connection.execute(text(statement), values)
    return erased


def _build_again(connection: Connection) -> None:
    """Have the marts built anew, also where no load follows."""
    connection.execute(text("update app.builds set loads = '', tried_loads = ''"))
