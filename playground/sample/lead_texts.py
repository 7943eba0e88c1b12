"""What people wrote into the long texts of a lead: tags, replies, notes by hand and by two programs."""

import random
from datetime import datetime
from typing import Final

from playground.sample.people import ACCOUNT_EXECUTIVES
from playground.sample.times import iso

TAGS: Final = (
    "ChatGPT Use Cases", "Pricing Rules", "JB Webinar", "Webinar - attended", "Webinar - no show", "Newsletter",
    "VSL watched 50%", "VSL watched 100%", "Problem Mapping", "Downloaded: Killer Proposal", "Client - former",
    "Booked a call", "Cold", "Q4 promo", "Reactivated 2025", "Form: income planner",
)  # fmt: skip

_REPLIES: Final = (
    "Yes, tell me more", "who is this?", "Not now, maybe in January", "Thanks 🙏 will look", "Can we talk Tuesday?",
    "I'll stop by the webinar", "No me interesa, gracias", "ok", "What does it cost?", "שלום, אשמח לפרטים",
)  # fmt: skip
_NOTE_TYPES: Final = ("Call", "Email", "Text", "Meeting", "General", "Issue", "Success")
_NOTE_TEXTS: Final = (
    "Left a voicemail.",
    "Wants to see numbers first.\nAsked for the worksheet\n- twice",
    "Number belongs to a colleague; <b>do not call</b> again & again.",
    "Booked for next week 🎉",
    'Spoke with <airtable:mention id="menAbCdEfGhIjKlMn">@Robin</airtable:mention>, will follow up.',
    "Price was too high; try again in Q1 (see https://library.example/7).",
)
_BY_HAND: Final = (
    "spoke w/ her mgr, call back in Q1",
    "???",
    "dup of the other row",
    "[Call] no date here",
    "-- JB 10/3",
)


def reply_text(rng: random.Random) -> str:
    """A reply to a message."""
    return rng.choice(_REPLIES)


def note_entries(rng: random.Random, created: datetime, now: datetime) -> str:
    """One to six notes, each by a person's hand or in one of the two forms that programs have written."""
    moments = sorted(
        created + (now - created) * rng.random() for _ in range(rng.choices((1, 2, 3, 6), (50, 25, 15, 10))[0])
    )
    notes = []
    for moment in moments:
        author, text = rng.choice(ACCOUNT_EXECUTIVES), rng.choice(_NOTE_TEXTS)
        form = rng.random()
        if form < 0.6:
            notes.append(f"[{rng.choice(_NOTE_TYPES)}] {iso(moment)} - {author}:\n{text}")
        elif form < 0.85:
            notes.append(f"[{iso(moment)}] {author}: {text}")
        else:
            notes.append(rng.choice(_BY_HAND))
    return "\n\n".join(notes)
