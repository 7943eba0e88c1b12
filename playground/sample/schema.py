"""The four tables of the sample base in the form of Airtable's schema API.

`airtable_base.json` (a copy of spec/airtable_base.json) says which fields there are; this module adds what a base
has besides: ids, colours of options, formulas, both ends of links.
"""

import itertools
import json
import random
import string
from functools import cache
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

ID_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
DEFINITION: Final = Path(__file__).with_name("airtable_base.json")

_COLORS: Final = ("blueLight2", "cyanLight2", "tealLight2", "greenLight2", "yellowLight2", "orangeLight2", "redLight2")
_ISO_24_HOURS: Final = {
    "dateFormat": {"name": "iso", "format": "YYYY-MM-DD"},
    "timeFormat": {"name": "24hour", "format": "HH:mm"},
    "timeZone": "America/New_York",
}
_US_12_HOURS: Final = {
    "dateFormat": {"name": "us", "format": "M/D/YYYY"},
    "timeFormat": {"name": "12hour", "format": "h:mma"},
    "timeZone": "America/New_York",
}
_CHECK: Final = {"icon": "check", "color": "greenBright"}
_RED_FLAG: Final = {"icon": "flag", "color": "redBright"}

# Field names in braces become field ids. The first pattern of the location score matches "Australia" and "Austria" too.
_FORMULAS: Final = {
    "ICP Score": (
        "{Company Score Component} + {Role Score Component} + {Location Score Component}"
        " + {Dynamic Signals Score} + IF({Prime Fit Bonus}, 5, 0)"
    ),
    "Location Score Component": (
        'IF(REGEX_MATCH(LOWER({Location Country}), "(united states|usa|us)"), 20,'
        ' IF(REGEX_MATCH(LOWER({Location Country}), "(canada|united kingdom|uk|ireland|australia|new zealand)"), 18,'
        " IF(REGEX_MATCH(LOWER({Location Country}),"
        ' "(germany|france|netherlands|belgium|switzerland|sweden|norway|denmark|spain|italy)"), 15, 0)))'
    ),
    "SMS Eligible": (
        'IF(AND({Phone Valid}, OR(SEARCH("united states", LOWER({Location Country})),'
        ' SEARCH("canada", LOWER({Location Country}))), {HRQ Status} != "Archive",'
        " NOT({Current Coaching Client}), NOT({SMS Stop}), NOT({Booked})), TRUE(), FALSE())"
    ),
    "Record ID": "RECORD_ID()",
}
_FORMULA_RESULTS: Final[dict[str, Json]] = {
    "number": {"type": "number", "options": {"precision": 0}},
    "checkbox": {"type": "checkbox", "options": _CHECK},
    "singleLineText": {"type": "singleLineText"},
}
_WATCHED_BY_LAST_MODIFIED: Final = ("Enrichment Outcome",)


def new_id(rng: random.Random, prefix: str) -> str:
    """An id as Airtable makes them: three letters and 14 characters of `ID_ALPHABET`."""
    return prefix + "".join(rng.choices(ID_ALPHABET, k=14))


@cache
def definition() -> tuple[Json, ...]:
    """The tables of spec/airtable_base.json, in its order; treat them as read-only."""
    return tuple(json.loads(DEFINITION.read_text(encoding="utf-8"))["tables"])


def options_of(table: str, field: str) -> tuple[str, ...]:
    """The select options that the real base has for a field, in its order.

    Raises:
        KeyError: there is no such table, field, or the field is no select.
    """
    for described in definition():
        if described["name"] == table:
            for column in described["fields"]:
                if column["name"] == field:
                    return tuple(column["choices"])
    raise KeyError(f"{table}.{field}")


def tables(seed: int) -> list[Json]:
    """All tables without records: id, name, primaryFieldId and fields as Airtable's schema API gives them."""
    rng = random.Random(f"{seed}/schema")
    table_ids = {table["name"]: new_id(rng, "tbl") for table in definition()}
    field_ids = {
        table["name"]: {field["name"]: new_id(rng, "fld") for field in table["fields"]} for table in definition()
    }
    link_ends = {
        "Linked Campaign": (table_ids["Campaigns"], field_ids["Campaigns"]["Leads"]),
        "Leads": (table_ids["Leads"], field_ids["Leads"]["Linked Campaign"]),
    }

    return [
        {
            "id": table_ids[table["name"]],
            "name": table["name"],
            "primaryFieldId": field_ids[table["name"]][table["primary"]],
            "fields": [
                {"id": field_ids[table["name"]][field["name"]], "name": field["name"], "type": field["type"]}
                | _options(rng, field, field_ids[table["name"]], link_ends)
                for field in table["fields"]
            ],
        }
        for table in definition()
    ]


def _options(rng: random.Random, field: Json, ids: dict[str, str], link_ends: dict[str, tuple[str, str]]) -> Json:
    """The `options` of a field, in an object that is empty for a type without any."""
    times = _US_12_HOURS if field["name"] == "Webinar Datetime" else _ISO_24_HOURS
    options: Json
    match field["type"]:
        case "singleSelect":
            colors = itertools.cycle(_COLORS)
            options = {
                "choices": [{"id": new_id(rng, "sel"), "name": n, "color": next(colors)} for n in field["choices"]]
            }
        case "number":
            options = {"precision": field.get("precision", 0)}
        case "currency":
            options = {"precision": field["precision"], "symbol": "$"}
        case "checkbox":
            options = _RED_FLAG if field["name"] == "Manual Follow-up Required" else _CHECK
        case "dateTime":
            options = times
        case "createdTime":
            options = {"result": {"type": "dateTime", "options": times}}
        case "lastModifiedTime":
            watched = [ids[name] for name in _WATCHED_BY_LAST_MODIFIED]
            result = {"type": "dateTime", "options": times}
            options = {"isValid": True, "referencedFieldIds": watched, "result": result}
        case "formula":
            options = _formula(field, ids)
        case "multipleRecordLinks":
            linked_table, inverse = link_ends[field["name"]]
            options = {
                "linkedTableId": linked_table,
                "isReversed": False,
                "prefersSingleRecordLink": False,
                "inverseLinkFieldId": inverse,
            }
        case _:
            return {}
    return {"options": options}


def _formula(field: Json, ids: dict[str, str]) -> Json:
    formula = _FORMULAS[field["name"]]
    referenced = [identifier for name, identifier in ids.items() if "{" + name + "}" in formula]
    for name, identifier in ids.items():
        formula = formula.replace("{" + name + "}", "{" + identifier + "}")
    return {
        "isValid": True,
        "formula": formula,
        "referencedFieldIds": referenced,
        "result": _FORMULA_RESULTS[field["result"]],
    }
