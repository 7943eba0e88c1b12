"""The sample base as a document that the Airtable emulator loads: the same bytes for the same seed and moment.

`generate` returns it whole; `write` streams it, so that a base of any size needs little memory.
"""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from playground.sample.audit import audit_records
from playground.sample.campaigns import campaign_records, template_records
from playground.sample.leads import Contact, lead_records
from playground.sample.schema import Json, new_id, tables

LEADS: Final = 11_046  # the size of the real base
AUDIT_PER_LEAD: Final = 30_000 / LEADS
BASE_NAME: Final = "Outreach (sample)"

_OUR_SCOPES: Final = ("data.records:read", "data.records:write", "schema.bases:read", "webhook:manage")
_THEIR_SCOPES: Final = ("data.records:read", "data.records:write", "schema.bases:read")


def generate(
    seed: int = 1, leads: int = LEADS, audit: int | None = None, now: datetime | None = None
) -> dict[str, list[Any]]:
    """The base file's document: one base with its records, and its tokens.

    Args:
        seed: what every id, name and number follows from.
        leads: rows of Leads.
        audit: rows of SMS_Audit; None: as many for each lead as the real base has.
        now: the latest moment that anything happened at, in any time zone; None: this second.

    Returns:
        `bases` with one base and its four tables, records included; `tokens` with the product's token first and that
        of the outside automations second. Computed cells are left to the emulator, but for a few that are errors.
    """
    base, tokens = _base(seed), _tokens(seed)
    for table, records in tables_with_records(seed, leads, audit, now):
        base["tables"].append(table | {"records": list(records)})
    return {"bases": [base], "tokens": tokens}


def write(
    out: TextIO, seed: int = 1, leads: int = LEADS, audit: int | None = None, now: datetime | None = None
) -> dict[str, int]:
    """Write the document that `generate` returns as JSON in ASCII, a record a line.

    Returns:
        The number of records by table.
    """
    written: dict[str, int] = {}
    base = _base(seed)
    out.write('{"bases":[' + _json({"id": base["id"], "name": base["name"]})[:-1] + ',"tables":[')
    for table, records in tables_with_records(seed, leads, audit, now):
        out.write("," if written else "")
        out.write(_json(table)[:-1] + ',"records":[')
        written[table["name"]] = 0
        for record in records:
            out.write(",\n" if written[table["name"]] else "\n")
            out.write(_json(record))
            written[table["name"]] += 1
        out.write("]}")
    out.write(']}],"tokens":' + _json(_tokens(seed)) + "}\n")
    return written


def tables_with_records(
    seed: int, lead_count: int, audit: int | None, now: datetime | None
) -> Iterator[tuple[Json, Iterable[Json]]]:
    """Each table with its records, which must be used up before the next table is asked for."""
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    campaigns = campaign_records(seed, moment)
    contacts: list[Contact] = []

    def remembering_contacts() -> Iterator[Json]:
        for record, contact in lead_records(seed, lead_count, moment, campaigns):
            contacts.append(contact)
            yield record

    total = round(lead_count * AUDIT_PER_LEAD) if audit is None else audit
    leads_table, campaigns_table, templates_table, audit_table = tables(seed)
    yield leads_table, remembering_contacts()
    yield campaigns_table, campaigns
    yield templates_table, template_records(seed, moment)
    yield audit_table, audit_records(seed, contacts, total, moment)


def _base(seed: int) -> Json:
    return {"id": new_id(random.Random(f"{seed}/base"), "app"), "name": BASE_NAME, "tables": []}


def _tokens(seed: int) -> list[Json]:
    rng = random.Random(f"{seed}/tokens")
    base_id = _base(seed)["id"]
    return [
        {
            "token": f"{new_id(rng, 'pat')}.{rng.getrandbits(256):064x}",
            "user": new_id(rng, "usr"),
            "scopes": list(scopes),
            "bases": {base_id: role},
        }
        for scopes, role in ((_OUR_SCOPES, "creator"), (_THEIR_SCOPES, "creator"))
    ]


_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode
