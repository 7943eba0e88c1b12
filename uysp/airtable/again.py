"""A plan that was raised: a person's command asks Airtable once more, and an answer ends the wait of all processes.

After the answer that the month's calls are used up, background reads wait for an hour (`uysp.airtable.limiter`).
"""

from sqlalchemy import Engine, text

from uysp.airtable.client import Gateway
from uysp.airtable.fields import known_tables
from uysp.airtable.limiter import Kind, base_scope, shared_limiter
from uysp.errors import AirtableError
from uysp.settings import Client, Settings


def ask_again(engine: Engine, settings: Settings, client: Client) -> bool:
    """Ask for one record if the base's reads wait for a plan with more calls; it counts as a person's call.

    Returns:
        Whether Airtable answered, so that reading goes on.
    """
    scope = {"base": base_scope(client.base_id)}
    with engine.connect() as connection:
        is_blocked: bool = connection.execute(
            text("""
                select exists (
                    select from app.airtable_pace
                    where scope = :base and blocked_until > clock_timestamp() and locked_until <= clock_timestamp()
                )
            """),
            scope,
        ).scalar_one()
        tables = known_tables(connection, client)
    if not is_blocked:
        return False
    pace = shared_limiter(engine, settings, client, counts_as=Kind.WRITE)
    gateway = Gateway(client, pace, settings.airtable_url)
    try:
        # Of records, because schemas are answered though the calls are used up.
        table_id = next((source.table.id for source in tables.values()), None) or gateway.schema()[0].id
        list(gateway.pages(table_id, most=1))
    except (AirtableError, IndexError):
        return False  # whoever reads next is told why
    with engine.begin() as connection:
        connection.execute(text("update app.airtable_pace set blocked_until = '-infinity' where scope = :base"), scope)
    return True
