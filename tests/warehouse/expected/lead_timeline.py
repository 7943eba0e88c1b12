"""marts.lead_timeline: metrics.md section 10. Event ids and the wording of details are the mart's own affair."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.warehouse.expected.base import Action, Base, Json
from tests.warehouse.expected.campaigns import CampaignNames, name_key
from tests.warehouse.expected.lead_versions import LeadVersion

Row = dict[str, Json]

# spec: metrics.md section 10 and interface.md: what an action of the bot is called, and what the version that it
# causes would have been called
ACTION_KINDS = {
    "NOTE_ADDED": "note_added",
    "LEAD_REMOVED_FROM_CAMPAIGN": "removed",
    "LEAD_STATUS_CHANGED": "hrq_status",
    "LEAD_CLAIMED": "claimed",
    "LEAD_UNCLAIMED": "unclaimed",
    "CHANGE_UNDONE": "change_undone",
}
CAUSED_KINDS = {
    "NOTE_ADDED": {"note_added"},
    "LEAD_REMOVED_FROM_CAMPAIGN": {"stopped", "status", "hrq_status"},
    "LEAD_STATUS_CHANGED": {"status", "hrq_status"},
    "LEAD_CLAIMED": {"claimed"},
    "LEAD_UNCLAIMED": {"unclaimed"},
    "CHANGE_UNDONE": {"resumed", "status", "hrq_status", "claimed", "unclaimed"},
}
# spec: metrics.md section 10 says "the version it caused" and not how that one is known: by time
_HEADING = re.compile(r"^\[([A-Za-z]+)\] \S+ - (.+):$", re.MULTILINE)
SEEN_BEFORE, SEEN_AFTER = timedelta(minutes=1), timedelta(minutes=10)


@dataclass(frozen=True)
class Event:
    """Something that happened to a lead.

    Attributes:
        detail: what the mart's detail must contain; None where the wording is free.
    """

    at: datetime
    kind: str
    source: str
    detail: str | None = None
    actor: str | None = None


def expected_lead_timeline(
    base: Base,
    names: CampaignNames,
    versions: dict[str, list[LeadVersion]],
    messages: list[Row],
    counted: list[str],
) -> list[Row]:
    """Return the rows of marts.lead_timeline without event_id.

    Args:
        versions: every lead's versions.
        messages: the rows of marts.messages.
        counted: the leads that exist and are no tests.
    """
    sent: dict[str, list[Row]] = defaultdict(list)
    for message in messages:
        if message["lead_id"] is not None:
            sent[message["lead_id"]].append(message)
    done: dict[str, list[Action]] = defaultdict(list)
    for action in base.actions:
        if action.lead_id is not None and action.action in ACTION_KINDS and action.outcome == "done":
            done[action.lead_id].append(action)
    rows = []
    for lead_id in counted:
        events = [
            Event(base.created_times["leads"][lead_id], "created", "airtable"),
            *_of_messages(sent[lead_id]),
            *_of_versions(names, versions[lead_id], sent[lead_id], done[lead_id]),
            *_of_deletions(base, lead_id),
            *map(_of_action, done[lead_id]),
        ]
        rows += [
            {"client": base.client, "lead_id": lead_id, "at": event.at, "kind": event.kind}
            | {"detail": event.detail, "source": event.source, "actor": event.actor}
            for event in events
        ]
    return rows


def _of_messages(messages: list[Row]) -> Iterator[Event]:
    for message in messages:
        yield Event(message["sent_at"], "message_failed" if message["failed"] else "message_sent", "audit")
        # spec: metrics.md section 8: only messages that did not fail count as delivered
        if message["delivered_at"] is not None and not message["failed"]:
            yield Event(message["delivered_at"], "delivered", "audit")
        if message["clicked_at"] is not None:
            yield Event(message["clicked_at"], "clicked", "audit")


def _of_deletions(base: Base, lead_id: str) -> Iterator[Event]:
    for row in base.history("leads")[lead_id]:
        if row.operation in {"deleted", "restored"}:
            yield Event(row.observed_at, row.operation, "airtable")


def _of_action(action: Action) -> Event:
    detail = action.details.get("type") if action.action == "NOTE_ADDED" else None
    actor = action.actor_id if action.actor_name is None else action.actor_name
    return Event(action.at, ACTION_KINDS[action.action], "bot", detail, actor)


def _of_versions(
    names: CampaignNames, versions: list[LeadVersion], messages: list[Row], actions: list[Action]
) -> Iterator[Event]:
    clicked_at = [message["clicked_at"] for message in messages if message["clicked_at"] is not None]
    changes: list[tuple[LeadVersion, list[Event]]] = []
    for number in range(1, len(versions)):
        earlier, version = versions[:number], versions[number]
        events = [*_changes(names, earlier[-1], version), *_replies(earlier, version)]
        rises = version.clicks > max(before.clicks for before in earlier)
        if rises and not any(earlier[-1].observed_at < at <= version.observed_at for at in clicked_at):
            events.append(Event(version.observed_at, "clicked", "airtable"))
        changes.append((version, events))
    for action in actions:
        caused = CAUSED_KINDS[action.action]
        for _, events in changes:
            mine = [
                event
                for event in events
                if event.kind in caused and action.at - SEEN_BEFORE <= event.at <= action.at + SEEN_AFTER
            ]
            if mine:
                events[:] = [event for event in events if event not in mine]
                break
    for _, events in changes:
        yield from events


def _changes(names: CampaignNames, previous: LeadVersion, version: LeadVersion) -> Iterator[Event]:
    at = version.observed_at
    if version.step != previous.step:
        yield Event(at, "step", "airtable", str(version.step))
    if name_key(version.campaign) != name_key(previous.campaign):
        yield Event(at, "campaign", "airtable", names.shown(version.campaign))
    if version.processing_status != previous.processing_status:
        yield Event(at, "status", "airtable", version.processing_status)
    if version.hrq_status != previous.hrq_status:
        yield Event(at, "hrq_status", "airtable", version.hrq_status)
    if version.stopped != previous.stopped:
        yield Event(at, "stopped" if version.stopped else "resumed", "airtable")
    if version.booked != previous.booked:
        yield Event(at, "booked" if version.booked else "unbooked", "airtable")
    if version.claimed_by != previous.claimed_by:
        # spec: metrics.md section 10 says nothing of actors in Airtable: whom the record itself names
        yield Event(at, "unclaimed" if version.claimed_by is None else "claimed", "airtable", None, version.claimed_by)
    if version.notes is not None and len(version.notes) > len(previous.notes or ""):
        # spec: metrics.md section 10, "type and person": as the heading has them that our notes have, if there is one
        heading = _HEADING.search(version.notes.removeprefix(previous.notes or ""))
        kind, person = heading.groups() if heading else (None, None)
        yield Event(at, "note_added", "airtable", kind, person)


def _replies(earlier: list[LeadVersion], version: LeadVersion) -> Iterator[Event]:
    most = max(before.replies for before in earlier)
    had_replied = most > 0 or earlier[-1].said_to_have_replied
    if version.replies > most or (version.said_to_have_replied and not had_replied):
        yield Event(version.observed_at, "replied", "airtable")
