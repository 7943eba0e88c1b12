"""Webhooks as change lists: Airtable keeps what happened to a base for seven days, to be read without any public URL.

Source: https://airtable.com/developers/web/api/webhooks-overview; research/airtable.md section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from uysp.airtable.client import Gateway
from uysp.airtable.limiter import Kind
from uysp.errors import AirtableError

# The whole base, no field lists: deleting a field that a specification names ends the hook for good. What a cell held
# before tells whether a write of ours undid an edit by hand (research/airtable.md section 7).
SPECIFICATION: dict[str, dict[str, dict[str, Any]]] = {
    "options": {
        "filters": {"dataTypes": ["tableData", "tableFields", "tableMetadata"]},
        "includes": {"includePreviousCellValues": True},
    }
}

# Without notifications, each reading of the payload list prolongs a hook by seven days.
REFRESH_BEFORE = timedelta(days=1)


@dataclass(frozen=True)
class Hook:
    """A webhook of ours.

    Attributes:
        cursor: number of the next payload that Airtable will write.
        is_enabled: whether Airtable still writes payloads for it.
        expires_at: when it ends unless its payloads are read; None: never.
    """

    id: str
    cursor: int
    is_enabled: bool
    expires_at: datetime | None


@dataclass(frozen=True)
class PayloadPage:
    """Some payloads, oldest first.

    Attributes:
        payloads: as Airtable gives them.
        cursor: number of the payload after the last one here.
        more: whether there are more now.
    """

    payloads: list[dict[str, Any]]
    cursor: int
    more: bool


def own_hooks(gateway: Gateway) -> list[Hook]:
    """Return the hooks of the base that are exactly as we make them; others are somebody else's.

    Raises:
        AirtableError: refused (status 403 without the scope webhook:manage), or no usable answer.
    """
    answer = gateway.read(Kind.POLL, "GET", _url(gateway))
    try:
        return [
            Hook(
                str(each["id"]),
                int(each["cursorForNextPayload"]),
                bool(each["isHookEnabled"]),
                datetime.fromisoformat(each["expirationTime"]) if each.get("expirationTime") else None,
            )
            for each in answer["webhooks"]
            if not each.get("notificationUrl") and _is_our_specification(each.get("specification"))
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AirtableError(gateway.sentence("gave no usable list of its webhooks")) from None


def create_hook(gateway: Gateway) -> str:
    """Make a hook without a notification URL and return its id; its first payload has the number 1.

    A request whose answer is lost may leave a hook behind; `own_hooks` finds it at the next attempt.

    Raises:
        AirtableError: refused: no permission, or the base has all the hooks that it may have.
    """
    answer = gateway.read(Kind.POLL, "POST", _url(gateway), json={"specification": SPECIFICATION})
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
        raise AirtableError(gateway.sentence("made a webhook without saying which"))
    return str(answer["id"])


def delete_hook(gateway: Gateway, hook_id: str) -> None:
    """End a hook.

    Raises:
        AirtableError: refused; status 403 or 404 where it is gone already.
    """
    gateway.read(Kind.POLL, "DELETE", _url(gateway, hook_id))


def refresh_hook(gateway: Gateway, hook_id: str) -> None:
    """Prolong a hook by seven days.

    Raises:
        AirtableError: refused, or gone.
    """
    gateway.read(Kind.POLL, "POST", _url(gateway, hook_id, "refresh"))


def payload_pages(gateway: Gateway, hook_id: str, cursor: int) -> Iterator[PayloadPage]:
    """Yield the payloads from the number `cursor` on, up to 50 at a time, until there are no more.

    Raises:
        AirtableError: refused, or no usable answer.
    """
    more = True
    while more:
        answer = gateway.read(Kind.POLL, "GET", _url(gateway, hook_id, "payloads"), params={"cursor": cursor})
        try:
            payloads = [dict(payload) for payload in answer["payloads"]]
            page = PayloadPage(payloads, int(answer["cursor"]), bool(answer.get("mightHaveMore")))
        except (KeyError, TypeError, ValueError):
            raise AirtableError(gateway.sentence("gave no usable list of changes")) from None
        yield page
        # An empty page that promises more would be asked for again without end.
        more = page.more and page.cursor > cursor
        cursor = page.cursor


def _url(gateway: Gateway, *parts: str) -> str:
    return gateway.url("bases", gateway.client.base_id, "webhooks", *parts)


def _is_our_specification(specification: object) -> bool:
    """Compare without regard to the order of data types, and to empty parts that Airtable may add."""
    if not isinstance(specification, dict) or not isinstance(specification.get("options"), dict):
        return False
    options = {name: value for name, value in specification["options"].items() if value}
    filters = options.pop("filters", None)
    includes = options.pop("includes", None)
    if options or not isinstance(filters, dict) or includes != SPECIFICATION["options"]["includes"]:
        return False
    filters = {name: value for name, value in filters.items() if value}
    wanted = SPECIFICATION["options"]["filters"]["dataTypes"]
    return filters.keys() == {"dataTypes"} and sorted(filters["dataTypes"]) == sorted(wanted)
