"""The Notes between people who edit by hand and notes of ours: nothing is lost, and nothing withdrawn comes back."""

import random
from collections.abc import Callable

import pytest

from tests.actions.test_exactly_once import Thief
from tests.actions.world import Make, World
from uysp.actions.model import State
from uysp.actions.notes import merged
from uysp.actions.queue import holding
from uysp.actions.undo import WINDOW
from uysp.airtable.limiter import Kind

HEAD = "[General] 2026-11-25T12:00:00.000Z - Anna Adams:\n"


def notes_of(world: World, lead: str) -> str:
    return str(world.lead(lead).get("Notes") or "")


def look(world: World) -> None:
    """A cycle, what is looked after, and what that asks for."""
    world.sync()
    world.watch()
    world.work()


class Between(Thief):
    """A pace in whose second waiting, right before our write, somebody edits the Notes."""

    def __init__(self, world: World, edit: Callable[[], None]) -> None:
        super().__init__(world)
        self.edit = edit
        self.waits = 0

    def wait(self, _kind: Kind, /) -> None:
        self.waits += 1
        if self.waits == 2:
            self.edit()


def work_between(world: World, edit: Callable[[], None]) -> None:
    with holding(world.engine) as holder:
        world.worker(pace=lambda _client: Between(world, edit)).step(holder)


@pytest.mark.parametrize("source", ["client", "publicApi"])
def test_a_hand_edit_that_is_taken_back_leaves_the_cell_as_the_person_left_it(world: World, source: str) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    world.do(world.note(lead, "alpha"))
    noted = notes_of(world, lead)
    for words in (f"{noted}\nTYPED BY HAND", noted):
        world.emulator.store.source = source  # as the hand does, or a program for it
        world.edit(lead, Notes=words)
        world.clock.advance(1.5)
    world.emulator.store.source = "client"
    for _ in range(2):
        look(world)
        assert notes_of(world, lead) == noted


def test_an_undone_note_that_was_changed_by_hand_and_back_stays_out(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    receipt = world.do(world.note(lead, "third"))
    noted = notes_of(world, lead)
    world.edit(lead, Notes=noted.replace("third", "thirD"))
    world.edit(lead, Notes=noted)
    assert world.undo(receipt.reference).state is State.DONE
    look(world)
    assert notes_of(world, lead) == "old"


def test_two_undone_notes_stay_out_though_both_undoings_wrote_the_same(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    for body in ("one", "another"):
        assert world.undo(world.do(world.note(lead, body)).reference).state is State.DONE
    look(world)
    assert notes_of(world, lead) == "old"


def test_taking_out_several_notes_at_once_or_after_writing_on_is_meant(world: World) -> None:
    lead, other = world.ids[:2]
    world.edit(lead, Notes="old")
    world.do(world.note(lead, "one"))
    world.do(world.note(lead, "another"))
    world.edit(lead, Notes="old")
    world.do(world.note(other, "one"))
    world.edit(other, Notes=f"{notes_of(world, other)}\nby hand")
    world.edit(other, Notes="by hand")
    look(world)
    assert (notes_of(world, lead), notes_of(world, other)) == ("old", "by hand")


def test_a_note_that_came_back_by_hand_and_was_taken_out_later_stays_out(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    world.do(world.note(lead, "ours"))
    noted = notes_of(world, lead)
    world.edit(lead, Notes="old and more")
    world.edit(lead, Notes=noted)
    world.clock.advance(60)
    world.edit(lead, Notes="old, nothing else")
    look(world)
    assert notes_of(world, lead) == "old, nothing else"


def test_ten_seconds_count_from_our_write_not_from_a_hand_edit_that_left_the_same_text(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    world.do(world.note(lead, "ours"))
    noted = notes_of(world, lead)
    world.clock.advance(60)
    world.edit(lead, Notes=f"{noted}\nmore")
    world.edit(lead, Notes=noted)
    world.clock.advance(5)
    world.edit(lead, Notes="new")
    look(world)
    assert notes_of(world, lead) == "new"


@pytest.mark.parametrize(
    ("later", "left"),
    [
        ("old", "old"),  # what stood there before the edit that was lost: it is withdrawn
        (f"old\n\n{HEAD}ours\nby hand", f"old\n\n{HEAD}ours\nby hand"),  # typed once more
        (f"old\n\n{HEAD}ours\nlater", f"old\nby hand\n\n{HEAD}ours\nlater"),
    ],
)
def test_an_edit_that_was_written_over_comes_back_unless_the_person_settled_it(
    world: World, later: str, left: str
) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    world.ask(world.note(lead, "ours"))
    work_between(world, lambda: world.edit(lead, Notes="old\nby hand"))
    assert notes_of(world, lead) == f"old\n\n{HEAD}ours"
    world.edit(lead, Notes=later)
    look(world)
    look(world)
    assert notes_of(world, lead) == left


def test_an_edit_that_was_written_over_comes_back_also_after_our_note_is_undone(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="old")
    reference = world.ask(world.note(lead, "ours")).reference
    work_between(world, lambda: world.edit(lead, Notes="old\nby hand"))
    world.undo(reference)
    look(world)
    assert notes_of(world, lead) == "old\nby hand"


@pytest.mark.parametrize(
    ("base", "theirs", "now", "left"),
    [
        ("a\nsecret", "a", "a\nsecret\n\nN", "a\n\nN"),
        ("a\nsecret\nb", "a\nb", "at\na\nsecret\nb\n\nN", "at\na\nb\n\nN"),
        ("a\nsecret", "", "a\nsecret\n\nN", "N"),
        ("", "x", "N\nx", "N\nx"),
        ("a", "b", "a x\n\nN", "a x\n\nN\n\nb"),
        ("a\nb", "a\nc", "0\na\nb\n\nN", "0\na\nc\n\nN"),
        ("a", "a\nx", "a\n\nN\nx", "a\n\nN\nx"),
        ("a", "a\nx\ny", "a\n\nN\nx", "a\n\nN\nx\n\ny"),
        ("a ", "a", "a \n\nN", "a\n\nN"),
    ],
)
def test_an_edit_is_merged_once_and_what_it_took_away_stays_away(base: str, theirs: str, now: str, left: str) -> None:
    assert merged(base, theirs, now) == left
    assert merged(base, theirs, left) == left, "and no second time"


@pytest.mark.parametrize("seed", range(10))
def test_the_hands_last_words_win_and_no_entry_is_there_twice(make: Make, seed: int) -> None:
    """Our notes, hand edits, also between our reading and our writing, taken back or not, undoings, looks."""
    chance = random.Random(seed)
    world = make(leads=1)
    hand = Hand(world, chance)
    for _ in range(14):
        hand.act()
        world.clock.advance(chance.choice([0.0, 1.5, 5.0, 20.0]))
    for _ in range(3):
        look(world)
    hand.check()


class Hand:
    """Somebody who writes lines into the Notes and takes them out again, beside notes of ours.

    Attributes:
        stands: lines that were typed and not withdrawn.
        withdrawn: lines that were.
        taken_out: entries of ours that were undone, or that the hand took out and nothing else with them.
    """

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance, self.lead = world, chance, world.ids[0]
        self.stands: list[str] = []
        self.withdrawn: list[str] = []
        self.taken_out: set[str] = set()
        self.entries: dict[str, str] = {}  # by reference, the first line
        self.typed = 0
        self.back: tuple[str, str] | None = None  # a line, and the text before it was typed
        self.lost: dict[str, str] = {}  # lines of edits that we wrote over: what had been read before

    def act(self) -> None:
        options = [self.type, self.type, self.take_back, self.withdraw, self.note, self.note, self.undo]
        options += [self.take_out, self.note_between, self.look]
        self.chance.choice(options)()

    def save(self, text: str) -> None:
        """Save the cell; who empties it or leaves what stood before a lost edit has settled that edit so."""
        self.world.edit(self.lead, Notes=text)
        for line, base in list(self.lost.items()):
            if not text.strip() or text.rstrip("\n") == base.rstrip("\n"):
                del self.lost[line]
                (self.stands if line in self.stands else self.withdrawn).remove(line)
                (self.stands if line in text.split("\n") else self.withdrawn).append(line)

    def look(self) -> None:
        look(self.world)
        self.lost = {}
        self.back = None

    @property
    def text(self) -> str:
        return notes_of(self.world, self.lead)

    def type(self) -> None:
        self.typed += 1
        line, before = f"line {self.typed} by hand", self.text
        self.save(f"{line}\n{before}" if before and self.chance.random() < 0.3 else f"{before}\n{line}".lstrip("\n"))
        self.stands.append(line)
        self.back = (line, before)

    def take_back(self) -> None:
        """Restore the text exactly as it was before the last typing, if nothing else was done since."""
        if self.back is None:
            return
        line, before = self.back
        self.back = None
        self.save(before)
        self.stands.remove(line)
        self.withdrawn.append(line)

    def withdraw(self) -> None:
        lines = self.text.split("\n")
        line = next((line for line in self.stands if line in lines), None)
        if line is None:
            return
        self.back = None
        self.save("\n".join(each for each in lines if each != line))
        self.stands.remove(line)
        self.withdrawn.append(line)

    def ask_note(self) -> str:
        self.back = None
        self.typed += 1
        reference = self.world.ask(self.world.note(self.lead, f"ours {self.typed}")).reference
        where = f"details ->> 'reference' = '{reference}'"
        self.entries[reference] = where
        return reference

    def note(self) -> None:
        self.ask_note()
        self.world.work()

    def note_between(self) -> None:
        """A note, and a hand edit between our reading and our writing that appends or withdraws a line."""
        self.ask_note()
        read, lines = self.text, {*self.stands}
        work_between(self.world, self.chance.choice([self.type, self.withdraw]))
        self.lost |= dict.fromkeys({*self.stands} ^ lines, read)
        self.back = None

    def undo(self) -> None:
        open_ones = [reference for reference in self.entries if reference not in self.taken_out]
        if not open_ones:
            return
        self.back = None
        reference = self.chance.choice(open_ones)
        now = self.world.clock()
        if now - self.world.receipt(reference).requested_at > WINDOW / 2:
            return
        if self.world.undo(reference).state is State.DONE:
            self.taken_out.add(reference)

    def take_out(self) -> None:
        """Take one entry of ours out by hand, and nothing else."""
        blocks = self.text.split("\n\n")
        ours = [block for block in blocks if block.startswith("[General]") and block.count("\n") == 1]
        if not ours:
            return
        self.back = None
        block = self.chance.choice(ours)
        self.save("\n\n".join(each for each in blocks if each != block))
        number = block.rsplit(" ", 1)[1]
        self.taken_out |= {each for each in self.entries if self.body(each) == f"ours {number}"}

    def body(self, reference: str) -> str:
        (line,) = self.world.log(self.entries[reference])[:1]
        return str(line.details["after"]["Notes"]).split("\n", 1)[1]

    def check(self) -> None:
        lines = self.text.split("\n")
        for line in self.stands:
            assert lines.count(line) == 1, f"{line!r} in {self.text!r}"
        for line in self.withdrawn:
            assert line not in lines, f"{line!r} in {self.text!r}"
        for reference in self.entries:
            times = lines.count(self.body(reference))
            assert times == (reference not in self.taken_out), f"{self.body(reference)!r} in {self.text!r}"
        assert sum(line.startswith("[General]") for line in lines) == len(self.entries) - len(self.taken_out)
