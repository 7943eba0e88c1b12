"""The ways in which a lead's cells go wrong, all of which somebody's base has had.

`LEAD_DIRT` is taken round and round over the leads, so that a base of a thousand has each of them. Only what the
type of a field admits in Airtable is here: dates are instants (though impossible ones), numbers are numbers (though
fractions of messages), and only computed cells hold error objects. Lone surrogates are left out, as strict readers of
JSON refuse a file that has them. Rules: spec/metrics.md section 1.
"""

import random
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from playground.sample.campaigns import TITLES
from playground.sample.people import AREA_CODES, OTHER_SCRIPTS
from playground.sample.schema import Json
from playground.sample.times import iso

Dirt = Callable[[random.Random, Json, datetime, list[Json]], None]

_LONG_TEXT: Final = "All work and no play. " * 900
_COUNTS: Final = ("SMS Sent Count", "Click Count", "SMS Sequence Position", "Reply Count")


def _cells(**by_alias: Any) -> Dirt:
    """A lead with these cells; None empties one. Names are written with _ for blanks."""
    cells = {alias.replace("_", " "): value for alias, value in by_alias.items()}

    def set_cells(_rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
        for name, value in cells.items():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value

    return set_cells


def _stop_reason(reason: str | None, *, booked: bool = False, stopped: bool = True) -> Dirt:
    return _cells(SMS_Stop=stopped or None, SMS_Stop_Reason=reason, Booked=booked or None)


def _moment(name: str, days_from_now: float) -> Dirt:
    def set_moment(_rng: random.Random, fields: Json, now: datetime, _campaigns: list[Json]) -> None:
        fields[name] = iso(now + timedelta(days=days_from_now))

    return set_moment


def _links(*names: str, slug: str | None = None) -> Dirt:
    """Linked to the campaigns of these names, first to last, and with this slug or none."""
    positions = [next(at for at, title in enumerate(TITLES) if title.name == name) for name in names]

    def set_links(_rng: random.Random, fields: Json, _now: datetime, campaigns: list[Json]) -> None:
        for name in ("Linked Campaign", "Campaign (CORRECTED)"):
            fields.pop(name, None)
        if positions:
            fields["Linked Campaign"] = [campaigns[position]["id"] for position in positions]
        if slug is not None:
            fields["Campaign (CORRECTED)"] = slug

    return set_links


def _edit(name: str, change: Callable[[str], str]) -> Dirt:
    """A text cell, empty ones included, changed."""

    def change_text(_rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
        fields[name] = change(fields.get(name, ""))

    return change_text


def _name_in_other_script(rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
    fields["First Name"], fields["Last Name"] = rng.choice(OTHER_SCRIPTS)
    fields["Lead"] = f"{fields['First Name']} {fields['Last Name']}"


def _phone_with_extension(rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
    number = f"({rng.choice(AREA_CODES)}) 555-01{rng.randrange(100):02}"
    fields["Phone"] = number + rng.choice((" x204", " ext. 12", "x7", " Ext 3301", ";ext=45", " extension 9"))


def _clicks_unchecked(_rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
    fields["Click Count"] = 2
    fields.pop("Clicked Link", None)


def _checked_without_clicks(_rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
    fields["Clicked Link"] = True
    fields["Click Count"] = 0


def _reply_time_alone(_rng: random.Random, fields: Json, now: datetime, _campaigns: list[Json]) -> None:
    fields["Last Reply At"] = iso(now - timedelta(days=3))
    for name in ("Reply Count", "Conversation Status", "Last Reply Text"):
        fields.pop(name, None)


def _nothing_filled_in(_rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
    fields.clear()


def _uncounted(_rng: random.Random, fields: Json, _now: datetime, _campaigns: list[Json]) -> None:
    for name in _COUNTS:
        fields.pop(name, None)


LEAD_DIRT: Final[tuple[Dirt, ...]] = (
    # Text: blanks of several kinds, forms of Unicode, characters that a database cannot hold
    _edit("First Name", lambda text: f"  {text}\u00a0"),
    _edit("Last Name", lambda text: f"\u2003{text}\t"),
    _edit("Last Name", lambda text: unicodedata.normalize("NFD", f"{text}-Ångström")),
    _cells(Job_Title=" \u00a0 "),
    _cells(Job_Title="Head of Sales\n(acting)\tEMEA"),
    _edit("Company", lambda text: f"{text}\u0000"),
    _edit("Notes", lambda text: f"{text}\n\nbroken \u0000paste \ufffd"),
    _edit("First Name", lambda text: f"{text} 🚀👩‍👩‍👧‍👦"),
    _edit("Last Name", lambda text: f"{text}\u200b\u200d"),
    _edit("Company", lambda text: f"\u202e{text}\u202c"),
    _cells(First_Name="محمد", Last_Name="العربي (VIP)", Lead="محمد العربي"),
    _name_in_other_script,
    _edit("Company", lambda text: f"<b>{text}</b> & <script>alert(1)</script>"),
    _cells(Last_Name="<!channel> <@U012AB3CD4>", Job_Title="*bold* _it_ ~no~ `code` ```"),
    _cells(First_Name="=cmd|' /C calc'!A0", Last_Name="+1+1"),
    _cells(Company="@SUM(A1:A9)", Job_Title="-2+3"),
    _cells(Company="O'Dowd \"Quoted\", Ltd; DROP TABLE leads;--", Job_Title="back\\slash %s {0} {{x}} $1"),
    _cells(Company="Very " * 300 + "Long", Job_Title="x" * 2_000),
    _cells(Notes=_LONG_TEXT),
    # Missing names, mails and everything
    _cells(Last_Name=None, Lead=None),
    _cells(First_Name=None, Last_Name=None),
    _cells(First_Name=None, Last_Name=None, Lead=None),
    _cells(First_Name=None, Last_Name=None, Lead=None, Email=None),
    _cells(First_Name=" ", Last_Name="\u00a0", Lead=None, Email=None),
    _edit("Email", lambda text: f" {text.upper()}"),
    _nothing_filled_in,
    # Phones
    _cells(Phone="555-0142", Phone_Valid=None),
    _cells(Phone="+1 (202) 555-0142 / +1 (202) 555-0199 (mobile)"),
    _cells(Phone="+44 20 7946 0958"),
    _cells(Phone="call the office", Phone_Valid=None),
    _cells(Phone=None, Phone_Valid=None),
    _phone_with_extension,
    # Counts that are none
    _cells(SMS_Sent_Count=2.5, SMS_Sequence_Position=1.5),
    _cells(Click_Count=0.5, Reply_Count=1.25),
    _cells(SMS_Sequence_Position=-1, SMS_Sent_Count=-4),
    _cells(Click_Count=-3, Reply_Count=-1),
    _cells(SMS_Sequence_Position=101, SMS_Sent_Count=1_000_001),
    _cells(Click_Count=9_007_199_254_740_993, SMS_Sequence_Position=2_147_483_648),
    _cells(SMS_Sent_Count=1e300, Reply_Count=1e18),
    _uncounted,
    _cells(SMS_Sequence_Position=7, SMS_Sent_Count=1),
    # Impossible moments
    _cells(Booked=True, Booked_At="1899-12-30T00:00:00.000Z"),
    _cells(Booked=True, Booked_At="9999-12-31T23:59:59.000Z"),
    _cells(SMS_Last_Sent_At="1970-01-01T00:00:00.000Z"),
    _cells(First_Clicked_At="0001-01-01T00:00:00.000Z"),
    _cells(Claimed_By="Robin Castellane", Claimed_At="2206-11-05T10:00:00.000Z"),
    _moment("SMS Last Sent At", 40),
    _moment("SMS Last Sent At", -900),
    _moment("Booked At", 12),
    # Clicks and replies that contradict each other
    _clicks_unchecked,
    _checked_without_clicks,
    _reply_time_alone,
    _cells(Reply_Count=0, Conversation_Status="Replied - Interested"),
    _cells(Reply_Count=2, Conversation_Status="No Reply"),
    # Select options: twins and junk
    _cells(Enrichment_Outcome=" Success"),
    _cells(Enrichment_Outcome=" No Match"),
    _cells(Company_Type="/company"),
    _cells(Processing_Status=None, HRQ_Status=None, SMS_Status=None),
    # Computed cells that failed
    _cells(ICP_Score={"error": "#ERROR!"}),
    _cells(ICP_Score={"specialValue": "NaN"}),
    _cells(ICP_Score={"specialValue": "Infinity"}, Location_Score_Component={"specialValue": "-Infinity"}),
    _cells(SMS_Eligible={"error": "#ERROR!"}, Record_ID={"error": "#ERROR!"}),
    # Stops: by whom, and half of one
    _stop_reason(" stop "),
    _stop_reason("S.T.O.P.!"),
    _stop_reason("Opt-Out"),
    _stop_reason("stop all"),
    _stop_reason("Unsubscribe"),
    _stop_reason("unsubscribed by mail"),
    _stop_reason("Removed from campaign: moved to a competitor <b>now</b>"),
    _stop_reason("стоп"),
    _stop_reason(None),
    _stop_reason(None, booked=True),
    _stop_reason("Booked"),
    _stop_reason("STOP", booked=True),
    _stop_reason("STOP", stopped=False),
    _stop_reason(None, booked=True, stopped=False),
    # Campaigns
    _links("Pricing Rules", slug="chatgpt_use_cases"),
    _links("", "Problem Mapping"),
    _links("", "   "),
    _links("Rad Goals", "Pricing Rules"),
    _links(" chatgpt use cases "),
    _links("PRICING__RULES"),
    _links(slug="executive_email"),
    _cells(**{"Campaign (CORRECTED)": None, "Linked Campaign": None}, Campaign="Pricing Rules"),
    # Test rows among the real ones
    _cells(SMS_Status="Test", SMS_Sent_Count=3, SMS_Sequence_Position=3),
    _cells(SMS_Status="Test", First_Name="TEST", Last_Name="do not text", SMS_Stop=True, SMS_Stop_Reason="STOP"),
)  # fmt: skip
