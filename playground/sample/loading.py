"""The sample base straight into raw, through the loader but without Airtable: where numbers matter, not requests.

The computed cells that the emulator works out are missing, but for the ICP score, which orders leads.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text

from playground.sample.base import tables_with_records
from playground.sample.schema import Json
from uysp.airtable.fields import SourceTable, find_tables, record_registry
from uysp.airtable.model import Field, Record, Table
from uysp.raw import LoadResult, begin_staging, load_staged, stage
from uysp.settings import Client

PAGE = 1_000


def load_sample(
    engine: Engine, key: str, *, leads: int, audit: int | None = None, seed: int = 1, now: datetime | None = None
) -> dict[str, SourceTable]:
    """Load a sample base as the first load of a client; sizes, seed and moment as in `base.generate`.

    Returns:
        Its tables by source table, for `load_records`.
    """
    client = Client(key, key, f"app{key}", SecretStr(""))
    drawn = list(tables_with_records(seed, 0, 0, now))
    schema = [_schema(table) for table, _ in drawn]
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into raw.clients (client, name, base_id, timezone, internal_campaigns) values (:key, :key,"
                " :base, 'UTC', '{call_booked}')"
            ),
            {"key": key, "base": client.base_id},
        )
        found, _ = find_tables(connection, client, schema)
        for source in found.values():
            record_registry(connection, source, datetime.now(UTC))
    sources = {
        # Sample records are keyed by names, not by ids.
        name: replace(source, names={canonical: canonical for canonical in source.names.values()})
        for name, source in found.items()
    }
    by_table_name = {source.table.name: source for source in sources.values()}
    scores = random.Random(f"{seed}/scores")
    for table, records in tables_with_records(seed, leads, audit, now):
        source = by_table_name[table["name"]]
        load_records(engine, source, _scored(records, scores) if source.source_table == "leads" else records)
    return sources


def load_records(engine: Engine, source: SourceTable, records: Iterable[Json]) -> LoadResult:
    """Load records, keyed by field names, as one load of their table."""
    key = {"client": source.client, "table": source.source_table}
    with engine.begin() as connection:
        staged = begin_staging(connection)
        stage(connection, source, staged, _pages(records))
        result = load_staged(connection, source, staged)
        connection.execute(
            text(
                "insert into raw.sync_state (client, source_table, last_synced_at) values (:client, :table, now())"
                " on conflict (client, source_table) do update set last_synced_at = excluded.last_synced_at"
            ),
            key,
        )
    return result


def live(engine: Engine, sources: Mapping[str, SourceTable], *, leads: int, seed: int) -> None:
    """Load what a busy while brings: so many leads move on, click, book or stop, and each gets a message.

    Args:
        engine: of the pipeline.
        sources: of `load_sample`.
        leads: how many change; all if there are fewer.
        seed: which, and how; another one for each call.
    """
    with engine.connect() as connection:
        rows = connection.execute(
            text("select record_id, created_time, fields from raw.leads where client = :client order by record_id"),
            {"client": sources["leads"].client},
        ).all()
    rng, now = random.Random(seed), datetime.now(UTC)
    changed, sent = [], []
    for number, row in enumerate(rng.sample(rows, min(leads, len(rows)))):
        fields = row.fields | rng.choice(
            (
                {"SMS Sequence Position": rng.randrange(4), "SMS Last Sent At": now.isoformat()},
                {"Click Count": 1 + number % 3, "Clicked Link": True},
                {"Booked": True, "Booked At": now.isoformat(), "SMS Stop": True, "SMS Sequence Position": 0},
                {"SMS Stop": True, "SMS Stop Reason": "STOP", "Processing Status": "Stopped"},
            )
        )
        changed.append({"id": row.record_id, "createdTime": row.created_time.isoformat(), "fields": fields})
        message = {"Event": "Sent", "Status": "Sent", "Lead Record ID": row.record_id, "Sent At": now.isoformat()}
        message |= {"Phone": fields.get("Phone", ""), "Text": f"Message {seed}"}
        sent.append({"id": f"recLive{seed:02}{number:08}", "createdTime": now.isoformat(), "fields": message})
    load_records(engine, sources["leads"], changed)
    load_records(engine, sources["sms_audit"], sent)


def _schema(table: Json) -> Table:
    fields = tuple(Field(each["id"], each["name"], each["type"], each.get("options")) for each in table["fields"])
    return Table(table["id"], table["name"], fields)


def _scored(records: Iterable[Json], scores: random.Random) -> Iterator[Json]:
    for record in records:
        record["fields"].setdefault("ICP Score", min(100, round(scores.expovariate(1 / 20))))
        yield record


def _pages(records: Iterable[Json]) -> Iterator[list[Record]]:
    each = iter(records)
    while page := list(islice(each, PAGE)):
        yield [_record(record) for record in page]


def _record(record: dict[str, Any]) -> Record:
    return {"id": record["id"], "createdTime": record["createdTime"], "fields": record["fields"]}
