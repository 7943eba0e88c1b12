"""marts.data_quality_issues, what is wrong with single records: the rules of metrics.md section 1."""

from collections.abc import Iterator
from datetime import datetime

from tests.warehouse.expected.base import SOURCE_TABLES, Base, Json, Version
from tests.warehouse.expected.values import (
    MAX_COUNT,
    MAX_POSITION,
    REPLACEMENT,
    clean_checkbox,
    clean_count,
    clean_date,
    clean_number,
    value_text,
)

Row = dict[str, Json]

# The fields that a mart column comes from, by how they are read.
# spec: metrics.md section 1: no column comes from SMS_Templates, a rule of section 10 alone does
READ_AS: dict[str, dict[str, str]] = {
    "leads": {
        "Lead": "text",
        "First Name": "text",
        "Last Name": "text",
        "Email": "text",
        "Phone": "text",
        "Company": "text",
        "Job Title": "text",
        "Campaign (CORRECTED)": "text",
        "SMS Variant": "text",
        "Processing Status": "text",
        "HRQ Status": "text",
        "SMS Status": "text",
        "SMS Stop Reason": "text",
        "Short Link URL": "text",
        "Conversation Status": "text",
        "Engagement - Level": "text",
        "Lead Source": "text",
        "Claimed By": "text",
        "Notes": "text",
        "ICP Score": "number",
        "SMS Sequence Position": "position",
        "SMS Sent Count": "count",
        "Click Count": "count",
        "Reply Count": "count",
        "SMS Last Sent At": "date",
        "Booked At": "date",
        "First Clicked At": "date",
        "Claimed At": "date",
    },
    "campaigns": {"Campaign Name": "text", "Campaign Type": "text"},
    "sms_templates": {},
    "sms_audit": {
        "Event": "text",
        "Campaign ID": "text",
        "Phone": "text",
        "Status": "text",
        "Lead Record ID": "text",
        "Text": "text",
        "Sent At": "date",
        "Delivery At": "date",
        "Clicked At": "date",
    },
}

MAXIMUM = {"position": MAX_POSITION, "count": MAX_COUNT}

Issue = tuple[str, str | None, str]  # field, value, rule


def expected_value_issues(base: Base) -> list[Row]:
    """Return the rows of marts.data_quality_issues that the value rules give."""
    rows = []
    for table in SOURCE_TABLES:
        versions = base.versions(table)
        for record_id in base.present(table):
            for field, value, rule in _issues(table, versions[record_id][-1]):
                rows.append(
                    {
                        "client": base.client,
                        "source_table": table,
                        "record_id": record_id,
                        "field": field,
                        "value": value,
                        "rule": rule,
                        "seen_at": _first_seen(table, versions[record_id], field, rule),
                    }
                )
    return rows


def _first_seen(table: str, versions: list[Version], field: str, rule: str) -> datetime:
    """Return the start of the present run of versions that break a rule in a field, whatever the value."""
    # spec: metrics.md section 1: "a mended one goes", so what comes back later is another one
    start = versions[-1]
    for version in reversed(versions):
        if (field, rule) not in {(issue[0], issue[2]) for issue in _issues(table, version)}:
            break
        start = version
    return start.observed_at


def _issues(table: str, version: Version) -> Iterator[Issue]:
    for field, read_as in READ_AS[table].items():
        value = version.fields.get(field)
        if value is None:
            continue
        shown = value_text(value)
        if shown is not None and REPLACEMENT in shown:
            yield field, shown, "unstorable_character"
        if read_as == "number" and not clean_number(value)[1]:
            yield field, shown, "unreadable_number"
        if read_as in MAXIMUM and not clean_count(value, MAXIMUM[read_as])[1]:
            yield field, shown, "bad_count"
        if read_as == "date" and not clean_date(value, version.observed_at)[1]:
            yield field, shown, "bad_date"
    clicks = version.fields.get("Click Count")
    if table == "leads" and clean_count(clicks)[0] > 0 and not clean_checkbox(version.fields.get("Clicked Link")):
        # spec: metrics.md section 1: the value is the count that contradicts; the field's own is nearly always NULL
        yield "Clicked Link", value_text(clicks), "clicks_but_not_clicked"
