"""Reading a large table where answers are slow: several listings at once, each over a range of creation times.

A listing gives its pages one after another, so with answers after 0.3 s it brings 3.3 pages a second, however many
Airtable would allow. Every record is in exactly one range, because creation times never change. Ranges of equal
length would be uneven in records; so their bounds are also taken from the records seen so far.
"""

import math
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from uysp.airtable.client import Gateway, IteratorExpiredError
from uysp.airtable.limiter import Kind
from uysp.airtable.model import Record
from uysp.errors import AirtableError

SLOW_SECONDS = 0.1  # an answer that takes longer may leave the rate unused
PAGES_FIRST = 10  # a table that ends within them is read by one listing
MOST_WORKERS = 8
RANGES = 16  # of equal length, and as many by the records seen
PROBES = 8  # halvings of the time since the first bases, each a call
FIRST_BASES = datetime(2012, 1, 1, tzinfo=UTC)
ATTEMPTS = 3


def all_pages(gateway: Gateway, table_id: str, rate: float, kind: Kind) -> Generator[list[Record], None, None]:
    """Yield every record of a table, some of them twice where the table is large and answers are slow.

    Closed early, it ends the listings it has begun.

    Args:
        gateway: to the base.
        table_id: of the table.
        rate: requests a second that this reading may use.
        kind: what it is for.

    Raises:
        AirtableError: as for `Gateway.pages`.
    """
    seen: list[datetime] = []
    waits: list[float] = []
    listing = gateway.pages(table_id, kind=kind)
    for page in islice(listing, PAGES_FIRST):
        waits.append(gateway.last_answer_seconds)
        seen += [datetime.fromisoformat(record["createdTime"]) for record in page[::10]]
        yield page
    answer = sorted(waits)[len(waits) // 2]
    if len(waits) < PAGES_FIRST or answer < max(SLOW_SECONDS, 1 / rate):
        yield from listing
    else:
        workers = min(MOST_WORKERS, math.ceil(answer * rate) + 1)
        yield from _in_ranges(gateway, table_id, _bounds(gateway, table_id, seen, kind), workers, kind)


def _bounds(gateway: Gateway, table_id: str, seen: Sequence[datetime], kind: Kind) -> list[datetime]:
    """Return where one range ends and the next begins; before the first and after the last there may be records."""
    now = gateway.server_time
    before, after = FIRST_BASES, min(seen)
    for _ in range(PROBES):
        middle = before + (after - before) / 2
        page = next(gateway.pages(table_id, formula=f"IS_BEFORE(CREATED_TIME(),{_parsed(middle)})", most=1, kind=kind))
        before, after = (before, middle) if page else (middle, after)
    length = (now - before) / RANGES
    even = [before + length * step for step in range(1, RANGES)]
    ordered = sorted(seen)
    by_records = [ordered[len(ordered) * step // RANGES] for step in range(RANGES)]
    return sorted({bound.replace(microsecond=0) for bound in [*even, *by_records]})


@dataclass
class _Handover:
    """Pages on their way from the reading threads to whoever takes them; None says that a thread has ended."""

    pages: "queue.Queue[list[Record] | AirtableError | None]"
    stopped: threading.Event = field(default_factory=threading.Event)

    def put(self, item: list[Record] | AirtableError | None) -> bool:
        """Wait until there is room, unless nobody takes anything any more; returns whether somebody does."""
        while not self.stopped.is_set():
            try:
                self.pages.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def take(self, threads: int) -> Iterator[list[Record]]:
        """Yield pages until all threads have ended; what went wrong in one goes wrong here."""
        while threads:
            item = self.pages.get()
            if isinstance(item, AirtableError):
                raise item
            if item is None:
                threads -= 1
            else:
                yield item


def _in_ranges(
    gateway: Gateway, table_id: str, bounds: Sequence[datetime], workers: int, kind: Kind
) -> Iterator[list[Record]]:
    """Read the ranges with some threads; pages come as they are answered."""
    formulas: queue.SimpleQueue[str] = queue.SimpleQueue()
    formulas.put(f"IS_BEFORE(CREATED_TIME(),{_parsed(bounds[0])})")
    for start, end in pairwise(bounds):
        formulas.put(f"AND({_not_before(start)},IS_BEFORE(CREATED_TIME(),{_parsed(end)}))")
    formulas.put(_not_before(bounds[-1]))
    handover = _Handover(queue.Queue(maxsize=2 * workers))

    def read() -> None:
        own = gateway.another()
        try:
            for formula in _remaining(formulas):
                for page in _range(own, table_id, formula, kind):
                    if not handover.put(page):
                        return
        except AirtableError as error:
            handover.put(error)
        finally:
            gateway.count(own)
            handover.put(None)

    with ThreadPoolExecutor(workers, thread_name_prefix="range") as pool:
        reading = [pool.submit(read) for _ in range(workers)]
        try:
            yield from handover.take(workers)
        finally:
            handover.stopped.set()
        for each in reading:
            each.result()


def _remaining(formulas: "queue.SimpleQueue[str]") -> Iterator[str]:
    while True:
        try:
            yield formulas.get_nowait()
        except queue.Empty:
            return


def _range(gateway: Gateway, table_id: str, formula: str, kind: Kind) -> Iterator[list[Record]]:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            yield from gateway.pages(table_id, formula=formula, kind=kind)
        except IteratorExpiredError:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _not_before(moment: datetime) -> str:
    # Creation times are whole milliseconds at most.
    return f"IS_AFTER(CREATED_TIME(),{_parsed(moment - timedelta(milliseconds=1))})"


def _parsed(moment: datetime) -> str:
    return f"DATETIME_PARSE('{moment.astimezone(UTC).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}')"
