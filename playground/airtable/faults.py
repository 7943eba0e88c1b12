"""Failures on demand: which requests fail, and how."""

import re
from dataclasses import dataclass, field
from typing import Literal

from playground.airtable import errors
from playground.airtable.behaviour import Behaviour


@dataclass
class Fault:
    """A failure and the requests it happens to.

    Attributes:
        method: only requests with this method.
        path: only requests whose path (without the query) this regular expression finds something in.
        page: only list requests for this page, the first being 1.
        skip: this many matching requests pass first.
        times: then this many fail; None: all.
        status: answered instead of carrying the request out (429, 500, 502, 503, ...).
        billing: the 429 says that the month's calls are used up; the schema API is spared, as was seen.
        retry_after: seconds, sent along with the status.
        drop: the connection is cut "before" the request is carried out or "after", without an answer.
        body: the answer's body is "malformed" JSON, or "truncated" with the connection cut.
        latency: seconds that the request waits first.
    """

    method: str | None = None
    path: str | None = None
    page: int | None = None
    skip: int = 0
    times: int | None = 1
    status: int | None = None
    billing: bool = False
    retry_after: int | None = None
    drop: Literal["before", "after"] | None = None
    body: Literal["malformed", "truncated"] | None = None
    latency: float = 0
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        self._pattern = re.compile(self.path) if self.path else None

    def applies(self, method: str, path: str, page: int | None) -> bool:
        """Tell whether a request fails, and count it."""
        if self.times == 0 or (self.billing and path.startswith("/v0/meta")):
            return False
        if self.method not in (None, method) or self.page not in (None, page):
            return False
        if self._pattern is not None and not self._pattern.search(path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def refusal(self, behaviour: Behaviour) -> errors.Refusal | None:
        """Return what is answered instead of carrying the request out, if anything."""
        if self.billing:
            return errors.billing_limited(plural=behaviour.plural_rate_error)
        if self.status == 429:
            refused = errors.rate_limited(plural=behaviour.plural_rate_error)
        elif self.status is not None:
            refused = errors.server_failure(self.status)
        else:
            return None
        if self.retry_after is not None:
            refused.headers["Retry-After"] = str(self.retry_after)
        return refused
