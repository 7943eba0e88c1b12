"""What happens to messages and leads outside of sending: receipts, clicks, replies, bookings, imports, clean-up.

Each function is one run of one automation: it reads, waits out the gap, writes, and tells which leads it wrote to. They
are as rough as the ones they stand for: they match by phone or mail, count from what they had read, and set things
back that others count on (spec/metrics.md sections 2 and 11).
"""

from datetime import timedelta
from typing import Final

from playground.sample.endpoint import Cells, quoted
from playground.sample.lead_texts import TAGS, reply_text
from playground.sample.outside import Happening, Outside, SentMessage, number, ten_digits
from playground.sample.people import person, spell_phone
from playground.sample.schema import options_of
from playground.sample.times import iso

BOOKING_ZEROES: Final = (
    "SMS Sequence Position", "SMS Sent Count", "SMS Cost", "Click Count",
    "Company Score Component", "Role Score Component", "Dynamic Signals Score",
)  # fmt: skip

_TRACKED_AT_ONCE: Final = 10
_FIRST_IMPORT: Final = 7_000_000 // 2  # numbers of people that no generated base reaches
_REPLIED: Final = tuple(name for name in options_of("Leads", "Conversation Status") if name != "No Reply")
_SLUGS: Final = options_of("Leads", "Campaign (CORRECTED)")
_PAST_WEBINAR: Final = "Best-Q4-Ever-Webinar"


def deliver(outside: Outside) -> Happening:
    """The provider reports on a message: a new record in the log, and a status on the first lead with that phone."""
    waiting = [message for message in outside.messages if not message.is_reported]
    message = waiting[0] if waiting else outside.some_message()
    if message is None:
        return Happening("delivery: nothing sent")
    message.is_reported = True
    status = outside.rng.choices(("Delivered", "Undelivered"), (96, 4))[0]
    leads = outside.leads_with_phone(message.phone)[:1]
    outside.sleep(outside.gap)
    # 'Undelivered' is no option of `SMS Status`; typecast lets Airtable add it.
    outside.endpoint.update("Leads", {lead.id: {"SMS Status": status} for lead in leads}, typecast=True)
    outside.endpoint.create(
        "SMS_Audit",
        [{"Event": "Delivery", "Phone": message.phone, "Status": status, "Delivery At": outside.now()}],
    )
    return Happening("delivery", tuple(lead.id for lead in leads))


def click(outside: Outside) -> Happening:
    """Somebody opens a short link; half of the time an automation counts it on the lead at once."""
    message = outside.some_message()
    if message is None:
        return Happening("click: nothing sent")
    now = outside.now()
    if message.link_id:
        outside.click_totals[message.link_id] = outside.click_totals.get(message.link_id, 0) + 1
    leads = outside.leads_with_phone(message.phone)[:1] if outside.rng.random() < 0.5 else []
    outside.sleep(outside.gap)
    outside.endpoint.update(
        "Leads",
        {
            lead.id: {
                "Click Count": int(number(lead.fields, "Click Count")) + 1,
                "Clicked Link": True,
                "Last Reply At": now,
                "🤖 active_conversation": True,
                **({} if "First Clicked At" in lead.fields else {"First Clicked At": now}),
            }
            for lead in leads
        },
    )
    log: Cells = {"Event": "Click", "Phone": message.phone, "Status": "Clicked", "Clicked": True, "Clicked At": now}
    outside.endpoint.create("SMS_Audit", [log])
    return Happening("click", tuple(lead.id for lead in leads))


def track_clicks(outside: Outside) -> Happening:
    """The link tracker writes its totals over whatever is there, zeroes of others included."""
    links = list(outside.click_totals)
    tracked = outside.rng.sample(links, min(len(links), _TRACKED_AT_ONCE))
    if not tracked:
        return Happening("tracker: no clicks yet")
    formula = f"OR({', '.join(f'{{Short Link ID}} = {quoted(link)}' for link in tracked)})"
    leads = outside.endpoint.select("Leads", formula)
    outside.sleep(outside.gap)
    changes: dict[str, Cells] = {}
    for lead in leads:
        link = str(lead.fields["Short Link ID"])
        # The first look learns what the provider had counted before.
        total = outside.click_totals[link] = max(outside.click_totals[link], int(number(lead.fields, "Click Count")))
        changes[lead.id] = {"Click Count": total, "Clicked Link": total > 0}
    outside.endpoint.update("Leads", changes)
    return Happening("tracker", tuple(changes))


def reply_stop(outside: Outside) -> Happening:
    """Somebody replies STOP: every lead with that phone is stopped."""
    message = outside.some_message()
    if message is None:
        return Happening("stop: nothing sent")
    return stop_phone(outside, message.phone)


def stop_phone(outside: Outside, phone: str) -> Happening:
    """Stop every lead with these ten digits."""
    leads = outside.leads_with_phone(phone)
    outside.sleep(outside.gap)
    stopped: Cells = {"SMS Stop": True, "SMS Stop Reason": "STOP", "Processing Status": "Stopped"}
    return Happening("stop", outside.update_all(leads, stopped))


def reply_start(outside: Outside) -> Happening:
    """Somebody who is stopped, by whomever, replies START: every lead with that phone is queued again."""
    stopped = outside.endpoint.select("Leads", "AND({SMS Stop}, NOT({Booked}), {Phone} != '')", limit=50)
    phones = [phone for lead in stopped if (phone := ten_digits(lead.fields))]
    if not phones:
        return Happening("start: nobody stopped")
    leads = outside.leads_with_phone(outside.rng.choice(phones))
    outside.sleep(outside.gap)
    restarted: Cells = {"SMS Stop": False, "SMS Stop Reason": None, "Processing Status": "Queued"}
    return Happening("start", outside.update_all(leads, restarted))


def reply(outside: Outside) -> Happening:
    """Somebody replies in words."""
    message = outside.some_message()
    if message is None:
        return Happening("reply: nothing sent")
    leads = outside.leads_with_phone(message.phone)
    outside.sleep(outside.gap)
    now, text, status = outside.now(), reply_text(outside.rng), outside.rng.choice(_REPLIED)
    outside.endpoint.update(
        "Leads",
        {
            lead.id: {
                "Reply Count": int(number(lead.fields, "Reply Count")) + 1,
                "Conversation Status": status,
                "Last Reply At": now,
                "Last Reply Text": text,
                "SMS Status": "Replied",
            }
            for lead in leads
        },
    )
    return Happening("reply", tuple(lead.id for lead in leads))


def book(outside: Outside) -> Happening:
    """Somebody books a meeting: zeroes on the lead, if exactly one has that mail; else the booking is lost."""
    message = outside.some_message()
    if message is None or not message.email:
        return Happening("booking: nobody to book")
    return book_email(outside, message)


def book_email(outside: Outside, message: SentMessage) -> Happening:
    """Book for the lead that has the message's mail address."""
    leads = outside.endpoint.select("Leads", f"LOWER({{Email}}) = {quoted(message.email)}", limit=2)
    outside.sleep(outside.gap)
    if len(leads) != 1:
        return Happening("booking: lost")
    meeting = outside.clock() + timedelta(days=outside.rng.randrange(1, 14), hours=outside.rng.randrange(8))
    booked: Cells = dict.fromkeys(BOOKING_ZEROES, 0) | {
        "Booked": True,
        "Booked At": iso(meeting),
        "SMS Stop": True,
        "SMS Stop Reason": "BOOKED",
        "Processing Status": "Completed",
    }
    return Happening("booking", outside.update_all(leads, booked))


def import_contact(outside: Outside) -> Happening:
    """The form poller brings a new person, or one that the base has: then only phone and tags are refreshed."""
    tags = ", ".join(outside.rng.sample(TAGS, outside.rng.randrange(1, 12)))
    known = outside.some_message() if outside.rng.random() < 0.4 else None
    somebody = person(outside.rng.randrange(1_000_000), _FIRST_IMPORT + outside.rng.randrange(1_000_000))
    email = known.email if known is not None and known.email else somebody.email
    phone = spell_phone(known.phone if known is not None else somebody.phone, outside.rng.random())
    leads = outside.endpoint.select("Leads", f"LOWER({{Email}}) = {quoted(email)}", limit=1)
    outside.sleep(outside.gap)
    if leads:
        refreshed = outside.update_all(leads, {"Phone": phone, "Kajabi Tags": tags})
        return Happening("import of a known person", refreshed)
    fields: Cells = {
        "Lead": f"{somebody.first_name} {somebody.last_name}",
        "First Name": somebody.first_name,
        "Last Name": somebody.last_name,
        "Email": email,
        "Phone": phone,
        "Phone Valid": True,
        "Location Country": somebody.country,
        "Company": somebody.company,
        "Job Title": somebody.job_title,
        "Kajabi Tags": tags,
        "Engagement - Tag Count": tags.count(",") + 1,
        "Lead Source": "Standard Form",
        "Imported At": outside.now(),
    } | _enrolment(outside)
    created = outside.endpoint.create("Leads", [fields])
    return Happening("import of a new person", tuple(lead.id for lead in created))


def _enrolment(outside: Outside) -> Cells:
    """Where the poller puts a new person: by its form."""
    if outside.rng.random() < 0.1:
        return {"HRQ Status": "Review", "HRQ Reason": "Form not mapped to a campaign"}
    slug = outside.rng.choice(_SLUGS)
    if slug == "call_booked":
        return {
            "Campaign (CORRECTED)": slug,
            "Processing Status": "Complete",
            "HRQ Status": "Archive",
            "Booked": True,
            "Booked At": outside.now(),
        }
    return {"Campaign (CORRECTED)": slug, "Processing Status": "Complete" if slug == _PAST_WEBINAR else "Queued"}


def clean_up(outside: Outside) -> Happening:
    """Airtable's own automations: stopped and 'Complete' leads ('Completed' ones not) leave the batch."""
    leads = outside.endpoint.select(
        "Leads", "AND({SMS Batch Control} = 'Active', OR({SMS Stop}, {Processing Status} = 'Complete'))"
    )
    return Happening("out of the batch", outside.update_all(leads, {"SMS Batch Control": None}))


def take_enriched(outside: Outside) -> Happening:
    """Airtable's own automations: what was enriched becomes ready, what was not goes to people for review."""
    queued = outside.endpoint.select(
        "Leads", "AND({Processing Status} = 'Queued', {Enrichment Outcome}, {HRQ Status} != 'Review')", limit=3
    )
    changes: dict[str, Cells] = {}
    for lead in queued:
        succeeded = str(lead.fields["Enrichment Outcome"]).strip() == "Success"
        ready: Cells = {"Processing Status": "Ready for SMS", "SMS Batch Control": "Active"}
        changes[lead.id] = ready if succeeded else {"HRQ Status": "Review", "HRQ Reason": "Enrichment failed"}
    outside.endpoint.update("Leads", changes)
    return Happening("enriched", tuple(changes))
