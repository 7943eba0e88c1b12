"""Change capture: what a look reads, and that nothing is lost when the hook, its payloads or its permission go."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from playground.airtable.webhooks import Hook
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, assert_history_is_sound, assert_raw_equals_airtable
from uysp.airtable.hooks import SPECIFICATION


def only_hook(reader: Reader, emulator: Emulator) -> Hook:
    (hook,) = emulator.hooks(reader.client.base_id)
    return hook


def calls(emulator: Emulator, act: Callable[[], Any]) -> list[str]:
    """What was asked of Airtable while `act` ran: method and the end of the path."""
    before = len(emulator.requests)
    act()
    return [f"{seen.method} {seen.path.rpartition('/')[2]}" for seen in emulator.requests[before:]]


def some_leads(emulator: Emulator, many: int) -> list[str]:
    return sorted(airtable_records(emulator, "leads"))[:many]


def change(reader: Reader, emulator: Emulator, ids: list[str], company: str = "Changed") -> None:
    emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Company": company} for record_id in ids})


def make_all_checks_due(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update app.airtable_hooks set checked_at = checked_at - interval '2 hours'"))


def test_an_idle_look_is_one_call_and_counts_as_a_look(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    with engine.connect() as connection:
        before: Any = connection.execute(text("select min(last_synced_at) from raw.sync_state")).scalar_one()
    assert calls(emulator, reader.sync) == ["GET payloads"]
    with engine.connect() as connection:
        after: Any = connection.execute(text("select min(last_synced_at) from raw.sync_state")).scalar_one()
    assert after > before


def test_the_hook_has_no_url_and_names_no_field(reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    hook = only_hook(reader, emulator)
    assert (hook.notification_url, hook.specification) == (None, SPECIFICATION)


@pytest.mark.parametrize(("batches", "size", "most"), [(100, 10, 2 + 10), (1, 250, 1 + 3), (40, 1, 1 + 1)])
def test_changes_cost_a_call_for_fifty_payloads_and_one_for_a_hundred_records(
    batches: int, size: int, most: int, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    emulator.store.create(reader.client.base_id, "Leads", [{"Lead": f"More {number}"} for number in range(6000)])
    reader.sync()
    ids = some_leads(emulator, batches * size)
    for start in range(0, len(ids), size):
        change(reader, emulator, ids[start : start + size])
    assert len(calls(emulator, reader.sync)) <= most + (batches % 50 == 0)
    assert_raw_equals_airtable(engine, emulator)
    assert calls(emulator, reader.sync) == ["GET payloads"]


def test_a_burst_reads_the_table_whole(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    emulator.store.create(reader.client.base_id, "Leads", [{"Lead": f"More {number}"} for number in range(1000)])
    reader.sync()
    change(reader, emulator, some_leads(emulator, 600))
    asked = calls(emulator, reader.sync)
    assert not any("listRecords" in each for each in asked)
    assert_raw_equals_airtable(engine, emulator)
    assert calls(emulator, reader.sync) == ["GET payloads"]


@pytest.mark.parametrize(
    "switches",
    [{"payload_records": 3}, {"half_filled_creates": True}, {"restores_in_payloads": False}],
    ids=["split payloads", "half-filled creations", "restores untold"],
)
def test_however_payloads_tell_it_records_end_up_right(
    switches: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    for name, value in switches.items():
        setattr(emulator.behaviour, name, value)
    reader.sync()
    store, base_id = emulator.store, reader.client.base_id
    change(reader, emulator, some_leads(emulator, 10))
    created = store.create(base_id, "Leads", [{"Lead": f"New {number}", "Phone": "+15550100"} for number in range(5)])
    store.delete(base_id, "Leads", [created[0], *some_leads(emulator, 2)])
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)


def lose_it(emulator: Emulator, hook: Hook, base_id: str, engine: Engine) -> None:
    del emulator.state.webhooks.hooks[base_id][hook.id]


def invalidate(emulator: Emulator, hook: Hook, base_id: str, engine: Engine) -> None:
    emulator.state.webhooks.invalidate(hook)


def disable(emulator: Emulator, hook: Hook, base_id: str, engine: Engine) -> None:
    hook.is_enabled = False
    make_all_checks_due(engine)


def expire(emulator: Emulator, hook: Hook, base_id: str, engine: Engine) -> None:
    emulator.state.webhooks.expire(hook)
    make_all_checks_due(engine)


def outlive(emulator: Emulator, hook: Hook, base_id: str, engine: Engine) -> None:
    emulator.advance(timedelta(days=15).total_seconds())


def purge(emulator: Emulator, hook: Hook, base_id: str, engine: Engine) -> None:
    emulator.state.webhooks.purge(hook)


ENDINGS = {
    "deleted by somebody": lose_it,
    "ended by Airtable": invalidate,
    "disabled": disable,
    "expired": expire,
    "expired long ago": outlive,
    "payloads no longer kept": purge,
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_whatever_becomes_of_the_hook_nothing_is_lost(
    end: Callable[[Emulator, Hook, str, Engine], None], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    store, base_id = emulator.store, reader.client.base_id
    hook = only_hook(reader, emulator)
    first, second, third = some_leads(emulator, 3)
    change(reader, emulator, [first], "Before")  # told, but not read
    end(emulator, hook, base_id, engine)
    change(reader, emulator, [second], "After")  # told to nobody
    store.delete(base_id, "Leads", [third])
    outcomes = reader.sync()
    assert [outcome.error for outcome in outcomes.values()] == [None] * 4
    assert_raw_equals_airtable(engine, emulator)
    change(reader, emulator, [second], "Later")
    store.delete(base_id, "Leads", [first])
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    assert len(emulator.hooks(base_id)) <= 2
    assert calls(emulator, reader.sync) == ["GET payloads"]


def test_after_a_week_without_a_look_everything_is_read_whatever_payloads_tell(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    only_hook(reader, emulator).specification = {"options": {"filters": {"dataTypes": ["tableFields"]}}}
    change(reader, emulator, some_leads(emulator, 1))  # told by no payload
    with engine.begin() as connection:
        connection.execute(text("update app.airtable_hooks set looked_at = looked_at - interval '8 days'"))
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)


def test_a_hook_of_ours_is_taken_and_others_are_left_alone(reader: Reader, emulator: Emulator) -> None:
    base = emulator.store.bases[reader.client.base_id]
    hooks = emulator.state.webhooks
    theirs = hooks.create(base, {"specification": SPECIFICATION, "notificationUrl": "https://example.com/hook"})["id"]
    narrow = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    narrower = hooks.create(base, {"specification": narrow})["id"]
    ours = hooks.create(base, {"specification": SPECIFICATION})["id"]
    reader.sync()
    assert {hook.id for hook in emulator.hooks(base.id)} == {theirs, narrower, ours}
    asked = calls(emulator, reader.sync)
    assert asked == ["GET payloads"]
    assert ours in emulator.requests[-1].path


def test_hook_health_is_looked_at_hourly_and_prolonged(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    hook = only_hook(reader, emulator)
    make_all_checks_due(engine)
    assert calls(emulator, reader.sync) == ["GET webhooks", "GET payloads"]
    hook.expires_at = emulator.store.clock.now() + timedelta(hours=3)
    make_all_checks_due(engine)
    assert calls(emulator, reader.sync) == ["GET webhooks", "POST refresh", "GET payloads"]
    assert hook.expires_at > emulator.store.clock.now() + timedelta(days=6)
    assert calls(emulator, reader.sync) == ["GET payloads"]


def forbid_by_scope(emulator: Emulator) -> None:
    assert emulator.store.tokens is not None
    for token in emulator.store.tokens.values():
        token.scopes = [scope for scope in token.scopes if scope != "webhook:manage"]


def forbid_by_role(emulator: Emulator) -> None:
    assert emulator.store.tokens is not None
    for token in emulator.store.tokens.values():
        token.bases = dict.fromkeys(token.bases, "editor")


def fill_up(emulator: Emulator) -> None:
    (base,) = emulator.store.bases.values()
    for _ in range(10):
        emulator.state.webhooks.create(base, {"specification": SPECIFICATION, "notificationUrl": "https://example.com"})


@pytest.mark.parametrize("forbid", [forbid_by_scope, forbid_by_role, fill_up])
def test_without_a_hook_changes_are_found_by_modification_time_and_deletions_by_a_sweep(
    forbid: Callable[[Emulator], None], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    forbid(emulator)
    outcome = reader.sync()["leads"]
    assert outcome.error is None
    assert any("modification time" in warning for warning in outcome.warnings)
    store, base_id = emulator.store, reader.client.base_id
    emulator.advance(3600)
    reader.sync()
    first, second, third = some_leads(emulator, 3)
    change(reader, emulator, [first])
    store.create(base_id, "Leads", [{"Lead": "New one"}])
    edit(store, base_id, "rename_field", table="Leads", field="Company", name="Firm")
    outcome = reader.sync(quick=True)["leads"]
    assert (outcome.read, outcome.changed) == (2, 2)
    store.delete(base_id, "Leads", [second])
    assert reader.sync(quick=True)["leads"].deleted == 0
    assert reader.sweep()["leads"].deleted == 1
    store.delete(base_id, "Leads", [third])
    assert reader.sync()["leads"].deleted == 1, "a small table is read whole by a whole cycle"
    edit(store, base_id, "rename_field", table="Leads", field="Firm", name="Company")
    assert_raw_equals_airtable(engine, emulator)
    # Permission is asked for again after an hour.
    assert not any("webhooks" in each for each in calls(emulator, lambda: reader.sync(quick=True)))
    make_all_checks_due(engine)
    assert any("webhooks" in each for each in calls(emulator, lambda: reader.sync(quick=True)))


def test_without_a_hook_changes_are_looked_for_on_airtables_clock(reader: Reader, emulator: Emulator) -> None:
    emulator.advance(-3 * 3600)  # ours is ahead
    forbid_by_scope(emulator)
    reader.sync()
    change(reader, emulator, some_leads(emulator, 1))
    assert reader.sync(quick=True)["leads"].changed == 1


def test_without_a_hook_what_a_listing_shows_late_is_found_by_the_next_look(reader: Reader, emulator: Emulator) -> None:
    forbid_by_scope(emulator)
    reader.sync()
    emulator.behaviour.read_delay_seconds = 2
    change(reader, emulator, some_leads(emulator, 1))
    assert reader.sync(quick=True)["leads"].changed == 0
    emulator.advance(3)
    assert reader.sync(quick=True)["leads"].changed == 1


def test_a_hook_that_is_taken_away_for_good_is_done_without(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    change(reader, emulator, some_leads(emulator, 1))
    emulator.behaviour.hooks_forbidden = True
    assert [outcome.error for outcome in reader.sync().values()] == [None] * 4
    assert_raw_equals_airtable(engine, emulator)
    emulator.behaviour.hooks_forbidden = False
    make_all_checks_due(engine)
    reader.sync()
    assert calls(emulator, reader.sync) == ["GET payloads"]


def test_a_hook_that_is_lost_again_and_again_is_done_without_for_the_day(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    for _ in range(4):
        emulator.state.webhooks.hooks[reader.client.base_id].clear()
        reader.sync()
    outcome = reader.sync()["leads"]
    assert any("was lost 4 times" in warning for warning in outcome.warnings)
    assert_raw_equals_airtable(engine, emulator)


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"status": 503}, {"body": "truncated"}, {"status": 429}])
@pytest.mark.parametrize("path", ["payloads", "listRecords", "webhooks$"])
def test_a_look_that_fails_half_way_loses_nothing(
    fault: dict[str, Any], path: str, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    if path != "webhooks$":
        reader.sync()
    change(reader, emulator, some_leads(emulator, 3))
    emulator.fail(path=path, times=None, **fault)
    assert any(outcome.error for outcome in reader.sync().values())
    emulator.heal()
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)


def test_a_quick_look_leaves_what_is_much_to_a_whole_cycle(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    change(reader, emulator, some_leads(emulator, 5))
    outcome = reader.sync(quick=True)["leads"]
    assert (outcome.updated, outcome.left) == (5, False)
    emulator.store.create(reader.client.base_id, "Leads", [{"Lead": f"More {number}"} for number in range(301)])
    asked: list[str] = calls(emulator, lambda: reader.sync(quick=True))
    assert asked == ["GET payloads"]
    assert reader.sync(quick=True)["leads"].left
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    assert not reader.sync(quick=True)["leads"].left


def test_a_look_waits_until_listings_have_caught_up_with_what_payloads_tell(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    emulator.behaviour.read_delay_seconds = 2
    change(reader, emulator, some_leads(emulator, 1))
    reader.pause = emulator.advance
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
