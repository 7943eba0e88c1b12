"""The wire to Airtable: schema, records, writes. The only module that imports pyairtable.

pyairtable knows URLs, tokens and encodings. Pace, retries and the words of errors are ours, because it retries
only for some three seconds against a lock-out of thirty, tries writes again that may have been applied, and hides
the body that tells a rate limit from a spent monthly plan.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import tenacity
from pyairtable import Api

from uysp.airtable.limiter import Kind, Pace
from uysp.airtable.model import PAGE_SIZE, WRITE_SIZE, Field, Record, Table
from uysp.errors import AirtableError
from uysp.settings import AIRTABLE_URL, Client

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = (10, 60)  # to connect, to answer
READ_ATTEMPTS = 5
NO_RECORD = "rec00000000000000"


class IteratorExpiredError(AirtableError):
    """Airtable forgot where a listing stood; only a new one from the first page helps."""


class RetryableError(AirtableError):
    """A passing fault: no answer, a broken answer, a 5xx or a rate limit.

    Attributes:
        retry_after: seconds that the server asked for, or None.
    """

    retry_after: float | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether Airtable said that it did nothing, so that a write may be sent again."""
        return self.status in {429, 503}


@dataclass
class Gateway:
    """One client's base; for one thread at a time.

    Attributes:
        calls: requests sent so far.
        last_answer_seconds: how long the latest answer took, without waiting for our turn.
    """

    client: Client
    pace: Pace
    endpoint_url: str = AIRTABLE_URL
    calls: int = 0
    last_answer_seconds: float = 0.0
    _api: Api = field(init=False, repr=False)
    _said_date: datetime | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._api = Api(
            self.client.token.get_secret_value(),
            timeout=TIMEOUT_SECONDS,
            retry_strategy=None,
            endpoint_url=self.endpoint_url,
            use_field_ids=True,
        )
        self._api.session.hooks["response"].append(self._note_answer)

    @property
    def server_time(self) -> datetime:
        """What Airtable's clock shows, as near as its answers tell: they say it in whole seconds.

        Before the first answer, and where an answer has no date, this machine's clock.
        """
        now = datetime.now(UTC)
        if self._said_date is None:
            return now
        return min(max(now, self._said_date), self._said_date + timedelta(seconds=1))

    def another(self) -> "Gateway":
        """Return a gateway to the same base for another thread; it keeps the same pace."""
        return Gateway(self.client, self.pace, self.endpoint_url)

    def count(self, other: "Gateway") -> None:
        """Add what another thread's gateway has sent."""
        self.calls += other.calls

    def url(self, *parts: str) -> str:
        """Return the address of a resource under /v0."""
        return str(self._api.build_url(*parts))

    def schema(self) -> list[Table]:
        """Return all tables of the base with their fields.

        Raises:
            AirtableError: no answer, a refusal, or an answer that is no schema.
        """
        answer = self.read(Kind.POLL, "GET", self._api.base(self.client.base_id).urls.tables)
        try:
            return [
                Table(
                    str(table["id"]),
                    str(table["name"]),
                    tuple(
                        Field(str(item["id"]), str(item["name"]), str(item["type"]), item.get("options"))
                        for item in table["fields"]
                    ),
                )
                for table in answer["tables"]
            ]
        except (KeyError, TypeError, AttributeError):
            raise AirtableError(self.sentence("gave no usable list of its tables")) from None

    def lacking_scopes(self, table_id: str) -> list[str]:
        """Return which of the scopes for records the token lacks, by trying; nothing is changed.

        Airtable tells a personal access token's scopes nowhere. A write to a record that cannot exist is refused
        with 403 without the right to write, and otherwise because there is no such record.
        """
        url = self._api.table(self.client.base_id, table_id).urls.records
        probes: dict[str, Callable[[], object]] = {
            "data.records:read": lambda: self.read(Kind.POLL, "GET", url, params={"pageSize": 1}),
            "data.records:write": lambda: self.read(
                Kind.POLL, "PATCH", url, json={"records": [{"id": NO_RECORD, "fields": {}}]}
            ),
        }
        lacking = []
        for scope, probe in probes.items():
            try:
                probe()
            except AirtableError as error:
                if error.status == 403:
                    lacking.append(scope)
                elif error.status not in {404, 422}:
                    raise
        return lacking

    def pages(
        self,
        table_id: str,
        *,
        formula: str | None = None,
        fields: Sequence[str] | None = None,
        most: int | None = None,
        kind: Kind = Kind.SWEEP,
    ) -> Iterator[list[Record]]:
        """Yield the records of a table, up to 100 at a time, with their filled fields by field id.

        Args:
            table_id: of the table.
            formula: only records for which it is true.
            fields: ids of the only fields wanted; default: all.
            most: records wanted; default: all.
            kind: what this is for.

        Raises:
            IteratorExpiredError: the listing cannot be continued; what was yielded is no complete table.
            AirtableError: as for `schema`.
        """
        url = self._api.table(self.client.base_id, table_id).urls.records
        parameters: dict[str, Any] = {"pageSize": PAGE_SIZE, "returnFieldsByFieldId": 1}
        if formula is not None:
            parameters["filterByFormula"] = formula
        if fields is not None:
            parameters["fields[]"] = list(fields)
        if most is not None:
            parameters["maxRecords"] = most
        while True:
            answer = self.read(kind, "GET", url, params=parameters)
            yield self._records(answer)
            if answer.get("offset") is None:
                return
            parameters["offset"] = str(answer["offset"])

    def by_ids(self, table_id: str, record_ids: Sequence[str], kind: Kind = Kind.REREAD) -> Iterator[list[Record]]:
        """Yield those of the records that the table has, 100 asked for in a call; the order is Airtable's.

        Raises:
            AirtableError: as for `schema`.
        """
        url = self._api.table(self.client.base_id, table_id).urls.records + "/listRecords"
        for start in range(0, len(record_ids), PAGE_SIZE):
            asked = record_ids[start : start + PAGE_SIZE]
            named = ",".join(f"RECORD_ID()='{record_id}'" for record_id in asked)
            body = {"filterByFormula": f"OR({named})", "pageSize": PAGE_SIZE, "returnFieldsByFieldId": True}
            yield self._records(self.read(kind, "POST", url, json=body))

    def record(self, table_id: str, record_id: str, kind: Kind = Kind.WRITE) -> Record | None:
        """Return one record as it is now, or None if it is gone; unlike a listing it does not lag behind writes.

        Airtable looks for it in the whole base: a caller has to see by its fields that it is of this table.

        Raises:
            AirtableError: as for `schema`.
        """
        url = f"{self._api.table(self.client.base_id, table_id).urls.records}/{record_id}"
        try:
            answer = self.read(kind, "GET", url, params={"returnFieldsByFieldId": 1})
        except AirtableError as error:
            if error.status == 404:
                return None
            raise
        (found,) = self._records({"records": [answer]})
        return found

    def update(
        self,
        table_id: str,
        changes: Mapping[str, Mapping[str, Any]],
        just_before: Callable[[], None] | None = None,
    ) -> list[Record]:
        """Write cells by field id to at most ten records, all or none, and return the whole records as answered.

        Sent again only where Airtable said that it did nothing: a write that got no answer may have been applied,
        and somebody may have changed the same cell since.

        Args:
            table_id: of the table.
            changes: cells by record id; None empties one.
            just_before: called when our turn has come, right before the request is sent. It is then sent once only:
                who takes note of it reads anew before another attempt. An exception keeps it from being sent.

        Raises:
            RetryableError: no answer, or none that can be read; whether it was applied is not known.
            AirtableError: refused; nothing was changed.
        """
        if len(changes) > WRITE_SIZE:
            raise ValueError(f"{len(changes)} records in one write; {WRITE_SIZE} are possible")
        body = {
            "records": [{"id": record_id, "fields": dict(cells)} for record_id, cells in changes.items()],
            "returnFieldsByFieldId": True,
            "typecast": False,
        }
        url = self._api.table(self.client.base_id, table_id).urls.records
        if just_before is None:
            answer = self._retrying(_was_refused)(self._send, Kind.WRITE, "PATCH", url, {"json": body})
        else:
            answer = self._send(Kind.WRITE, "PATCH", url, {"json": body}, just_before)
        try:
            return self._records(answer)
        except AirtableError as error:
            raise RetryableError(str(error)) from None  # it may have been applied all the same

    def create_field(self, table_id: str, name: str, field_type: str) -> None:
        """Create a field of a type without options.

        Not sent again without an answer: Airtable refuses a second field of the name.

        Raises:
            AirtableError: refused: the token lacks schema.bases:write, or its owner is no creator.
        """
        url = self._api.base(self.client.base_id).urls.tables + f"/{table_id}/fields"
        self._send(Kind.WRITE, "POST", url, {"json": {"name": name, "type": field_type}})

    def read(self, kind: Kind, method: str, url: str, **content: Any) -> Any:
        """Send a request that may be sent twice, again if need be; return the decoded answer.

        Args:
            kind: what it is for.
            method: of HTTP.
            url: without parameters.
            content: `params` or `json`, as pyairtable takes them.

        Raises:
            AirtableError: no answer after several attempts, or a refusal.
        """
        return self._retrying(_may_pass)(self._send, kind, method, url, content)

    def sentence(self, what: str, remedy: str = "The next cycle tries again.") -> str:
        """Return what to tell people: "Airtable `what` for client …"."""
        return f"Airtable {what} for client {self.client.key}; what was loaded before stays. {remedy}"

    def _records(self, answer: object) -> list[Record]:
        records = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(records, list) or not all(_is_record(record) for record in records):
            raise AirtableError(self.sentence("gave a page that holds no records"))
        return records

    def _retrying(self, retry: Callable[[BaseException], bool]) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(retry),
            stop=tenacity.stop_after_attempt(READ_ATTEMPTS),
            wait=_pause,
            sleep=self.pace.sleep,
            reraise=True,
        )

    def _note_answer(self, response: requests.Response, **_: object) -> None:
        self.last_answer_seconds = response.elapsed.total_seconds()
        try:
            self._said_date = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError):
            self._said_date = None

    def _send(
        self,
        kind: Kind,
        method: str,
        url: str,
        content: dict[str, Any],
        just_before: Callable[[], None] = lambda: None,
    ) -> Any:
        self.pace.wait(kind)
        just_before()
        self.calls += 1
        try:
            return self._api.request(method, url, **content)
        except requests.HTTPError as error:
            raise self._refusal(error.response) from None
        except (requests.exceptions.JSONDecodeError, json.JSONDecodeError, UnicodeDecodeError):
            raise RetryableError(self.sentence("gave an answer that cannot be read")) from None
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
        ):
            raise AirtableError("AIRTABLE_ENDPOINT_URL is no web address; nothing was changed.") from None
        except requests.RequestException as error:
            log.info("no answer from Airtable for client %s: %s", self.client.key, type(error).__name__)
            raise RetryableError(
                f"Airtable did not answer at {self.endpoint_url} for client {self.client.key}; what was loaded before "
                "stays. Check the network, or AIRTABLE_ENDPOINT_URL if it is set."
            ) from None

    def _refusal(self, response: requests.Response) -> AirtableError:
        """Turn an error answer into the error that it means (research/airtable.md section 1.9)."""
        error_type = _error_type(response)
        status = response.status_code
        if error_type == "LIST_RECORDS_ITERATOR_NOT_AVAILABLE":
            return IteratorExpiredError(
                self.sentence("lost its place in the table"), status=status, error_type=error_type
            )
        if error_type == "PUBLIC_API_BILLING_LIMIT_EXCEEDED":
            self.pace.out_of_calls()
            message = self.sentence(
                "has no API calls left this month", "Wait for the next month, or raise the plan and run uysp sync."
            )
        elif status == 401:
            message = self.sentence(
                "does not know the token",
                f"Set {self.client.credential_variable} to a valid personal access token.",
            )
        elif status in {403, 404}:
            message = self.sentence(
                "refused access to the base",
                "Check the base id, that the token is granted this base, and its scopes "
                "data.records:read and schema.bases:read (uysp doctor tells which).",
            )
        elif status == 429 or status >= 500:
            if status == 429:
                self.pace.lock_out()
            said = "asks us to slow down" if status == 429 else "has a fault of its own"
            retryable = RetryableError(self.sentence(f"{said} (HTTP {status})"), status=status, error_type=error_type)
            retryable.retry_after = _retry_after(response)
            return retryable
        else:
            message = self.sentence(f"refused the request (HTTP {status}, {error_type or 'no reason given'})")
        return AirtableError(message, status=status, error_type=error_type)


def _is_record(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("createdTime"), str)
        and isinstance(value.get("fields"), dict)
    )


def _error_type(response: requests.Response) -> str | None:
    """Return the error's type; Airtable sends `error` as text or object, and `errors` as a list."""
    try:
        document = response.json()
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("error"))
    error = document.get("error")
    return str(error.get("type")) if isinstance(error, dict) else None if error is None else str(error)


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds of a Retry-After header, at most a minute; a date there is as good as none."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), 60.0) if value.isdigit() else None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, RetryableError)


def _was_refused(error: BaseException) -> bool:
    return isinstance(error, RetryableError) and error.is_refusal


def _pause(state: tenacity.RetryCallState) -> float:
    """Wait 0.5 s, 1, 2, 4 and a little at random; or what the server asked for; a lock-out waits in the limiter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryableError):
        if error.retry_after is not None:
            return error.retry_after
        if error.status == 429:
            return 0.0
    return tenacity.wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)(state)
