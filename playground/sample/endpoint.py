"""The outside automations' own way to Airtable: a slow and patient caller of the Web API."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

BATCH: Final = 10  # records that Airtable takes in one write
LOCK_SECONDS: Final = 30  # what Airtable asks for after a 429
_TIMEOUT: Final = 30

Cells = dict[str, Any]


class AwayError(Exception):
    """Airtable cannot be reached, or fails; the same call may work later."""


class RefusedError(Exception):
    """Airtable does not do this, now or later."""


@dataclass(frozen=True)
class Row:
    """A record as it was read; `fields` by name."""

    id: str
    fields: Cells


class Endpoint:
    """One base, reached with one token.

    Args:
        url: where the Web API is, without `/v0`.
        token: personal access token.
        base_id: the base.
        requests_per_second: never more often than this, as others share the base's limit.
        lock_seconds: pause after a 429.
        sleep: waits so many seconds; may raise to end the wait.
    """

    def __init__(
        self,
        url: str,
        token: str,
        base_id: str,
        *,
        requests_per_second: float,
        lock_seconds: float = LOCK_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = f"{url.rstrip('/')}/v0/{base_id}"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._interval = 1 / requests_per_second
        self._lock_seconds = lock_seconds
        self._sleep = sleep
        self._next_call = 0.0

    def select(self, table: str, formula: str, *, limit: int = 100, newest: str | None = None) -> list[Row]:
        """Return the first rows for which a formula holds.

        Args:
            table: name of the table.
            formula: as Airtable's filterByFormula.
            limit: at most so many rows; a call for every hundred.
            newest: name of a field to sort by, latest or largest first.

        Raises:
            AwayError: try again later.
            RefusedError: the formula, a name or the token is wrong.
        """
        parameters: dict[str, Any] = {"filterByFormula": formula, "maxRecords": limit, "pageSize": min(limit, 100)}
        if newest is not None:
            parameters |= {"sort[0][field]": newest, "sort[0][direction]": "desc"}
        answer = self._call("GET", table, params=parameters)
        rows = _rows(answer)
        while "offset" in answer:
            answer = self._call("GET", table, params=parameters | {"offset": answer["offset"]})
            rows += _rows(answer)
        return rows

    def create(self, table: str, rows: Sequence[Cells]) -> list[Row]:
        """Create rows, ten a call; raises as `select` does, and then the first calls' rows are there."""
        created: list[Row] = []
        for start in range(0, len(rows), BATCH):
            body = {"records": [{"fields": fields} for fields in rows[start : start + BATCH]]}
            created += _rows(self._call("POST", table, json=body))
        return created

    def update(self, table: str, cells: Mapping[str, Cells], *, typecast: bool = False) -> list[Row]:
        """Write cells by record id, ten records a call; `typecast` lets Airtable add select options."""
        updated: list[Row] = []
        changes = [{"id": record_id, "fields": fields} for record_id, fields in cells.items()]
        for start in range(0, len(changes), BATCH):
            body = {"records": changes[start : start + BATCH], "typecast": typecast}
            updated += _rows(self._call("PATCH", table, json=body))
        return updated

    def _call(self, method: str, table: str, **arguments: Any) -> Any:
        while True:
            self._sleep(max(0.0, self._next_call - time.monotonic()))
            self._next_call = time.monotonic() + self._interval
            try:
                response = self._session.request(method, f"{self._address}/{table}", timeout=_TIMEOUT, **arguments)
                answer = response.json()
            except requests.RequestException as error:
                raise AwayError(type(error).__name__) from error
            if response.ok:
                return answer
            if response.status_code >= 500:
                raise AwayError(f"status {response.status_code}")
            if response.status_code != 429:
                raise RefusedError(f"{method} {table}: status {response.status_code}, {_error_type(answer)}")
            self._sleep(self._lock_seconds)


def quoted(text: str) -> str:
    """A text as a literal in a formula."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _rows(answer: Any) -> list[Row]:
    return [Row(record["id"], record["fields"]) for record in answer["records"]]


def _error_type(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("type") if isinstance(error, dict) else error)
