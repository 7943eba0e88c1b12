"""Bulk removal in Slack, and what is told without anybody waiting for it."""

import time
from collections.abc import Callable

import pytest
from slack_sdk import WebClient
from sqlalchemy import text

from playground.slack.server import Slack
from slackbot import telling
from slackbot.blocks.actions import CONFIRM, REASON
from tests.slackbot.office import ADA, Office, airtable, office, open_office

__all__ = ["airtable", "office", "open_office"]  # fixtures


def test_a_whole_campaign_is_removed_by_an_admin_who_typed_how_many(open_office: Callable[..., Office]) -> None:
    office = open_office(uysp_admins=[ADA])
    view = office.form("ada", "remove campaign:webinar")
    assert "4 leads" in str(view.blocks)
    office.slack.submit("ada", **{REASON: "Campaign over", CONFIRM: "REMOVE 5"})
    assert "Not confirmed" in str(office.ended("ada", "Not confirmed").blocks)
    assert office.world.count("app.write_requests") == 0
    office.slack.submit("ada", **{REASON: "Campaign over", CONFIRM: "remove 4"})
    office.ended("ada", "of 4 leads are finished")
    message = office.told("ada", "Bulk removal of 4 leads: 4 removed.", 20)
    assert all(office.cells(number)["SMS Stop"] is True for number in range(4))
    office.slack.press("ada", message, "Send results as CSV")
    office.told("ada", "uysp-removal-")


def test_a_bulk_removal_is_for_admins_alone(open_office: Callable[..., Office]) -> None:
    office = open_office(uysp_admins=[ADA])
    assert "Only admins" in str(office.form("ben", "remove campaign:webinar").blocks)


def test_a_bulk_removal_is_stopped_by_its_button(open_office: Callable[..., Office]) -> None:
    office = open_office(uysp_admins=[ADA])
    office.form("ada", "remove campaign:webinar")
    office.world.emulator.fail(status=403, times=None)
    office.slack.submit("ada", **{REASON: "Campaign over", CONFIRM: "REMOVE 4"})
    message = office.told("ada", "0 of 4 leads are finished")
    time.sleep(1)  # Airtable has said no, and nothing is under way
    office.slack.press("ada", message, "Stop")
    office.told("ada", "left out")
    office.world.emulator.heal()
    assert not any(office.cells(number).get("SMS Stop") for number in range(4))


def test_what_is_told_waits_for_slack(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LONGER_SECONDS", 0.2)
    monkeypatch.setattr(telling, "IDLE_SECONDS", 0.1)
    office.slack.fail("chat.postMessage", status=503, times=2)
    with office.world.engine.begin() as connection:
        connection.execute(
            text("""
                insert into app.write_messages (client, reference, kind, recipient, said, at, not_before)
                values (:client, 'ABCD1234', 'watch', :person, 'Look at Lea.', now(), now())
            """),
            {"client": office.world.client.key, "person": ADA},
        )
    office.told("ada", "Look at Lea.", 20)


def test_admins_are_told_by_their_user_group(open_office: Callable[..., Office], slack: Slack) -> None:
    groups = WebClient(token=slack.bot_token, base_url=slack.api_url).usergroups_list(include_users=True)["usergroups"]
    group = next(each for each in groups if each["users"])
    member = next(one for one in group["users"])
    office = open_office(uysp_admins=[f"@{group['handle']}"])
    with office.world.engine.begin() as connection:
        connection.execute(
            text("""
                insert into app.write_messages (client, reference, kind, recipient, said, at, not_before)
                values (:client, 'ABCD1234', 'reminder', null, 'NOT stopped yet: Lea.', now(), now())
            """),
            {"client": office.world.client.key},
        )
    name = next(one.name for one in slack.workspace.people.values() if one.id == member)
    office.told(name, "NOT stopped yet: Lea.")


def test_who_asked_in_the_terminal_by_their_email_is_told_in_slack(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "LONGER_SECONDS", 0.2)
    monkeypatch.setattr(telling, "IDLE_SECONDS", 0.1)
    office.slack.fail("users.lookupByEmail", status=503, times=1)
    with office.world.engine.begin() as connection:
        for person, said in (("nobody@example.com", "To nobody."), ("ada@example.invalid", "Look at Lea.")):
            connection.execute(
                text("""
                    insert into app.write_messages (client, reference, kind, recipient, said, at, not_before)
                    values (:client, 'ABCD1234', 'watch', :person, :said, now(), now())
                """),
                {"client": office.world.client.key, "person": person, "said": said},
            )
    office.told("ada", "Look at Lea.", 20)
