"""Who may see what: full members of the workspace only, and each client only where it belongs.

Every request passes here before anything is looked up (`Bot.admit`); refusals go to the activity log.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from threading import Lock
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from slackbot.audience import Audience, Audiences
from slackbot.blocks.text import time_zone
from slackbot.connection import UNREACHABLE, Identity, error_word
from uysp.activity import Action, append
from uysp.errors import UyspError
from uysp.settings import Client, Settings

REMEMBERED_SECONDS = 300
MOST_REMEMBERED = 10_000
ELSEWHERE = "No client's data may be shown in this conversation; ask in a channel of the client."
OTHERS_ONLY = (
    "No client's data may be shown to you in this conversation: only members of the client's user group in Slack may "
    "see it. Who manages that group can add you."
)
OTHER_CLIENT = "other client"  # the reason of a denial, as `uysp.actions.rights` has it

_USER_ID = re.compile("[UW][A-Z0-9]{2,20}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asker:
    """Where a request comes from, by Slack's ids; `channel_id` is "" for App Home and modals."""

    user_id: str
    team_id: str
    channel_id: str


@dataclass(frozen=True)
class Admission:
    """A person who may ask.

    Attributes:
        may_see: whether the person may see a client's data in this conversation, by the client's key.
        name: their real name; it stands in notes and in the log.
        zone: where they are.
        email: None where Slack does not tell it.
        deny: log that a client's data was asked for that the person may not see in this conversation; takes the key.
        unseen: why the person may see no client here, and what to do, in a sentence; of use where that is so.
    """

    may_see: Callable[[str], bool]
    name: str
    zone: tzinfo
    email: str | None = None
    deny: Callable[[str], None] = lambda _key: None
    unseen: Callable[[], str] = lambda: ELSEWHERE


class RefusedError(UyspError):
    """The person may not ask; nothing was looked up.

    Attributes:
        reason: a word for the log.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class _Remembered:
    """Answers of Slack that are trusted for five minutes, by key."""

    answers: dict[str, tuple[float, Any]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def get(self, key: str, ask: Callable[[], Any]) -> Any:
        """Return what is remembered, or ask; a failure to ask is not remembered."""
        now = time.monotonic()
        with self.lock:
            known = self.answers.get(key)
        if known is not None and now - known[0] < REMEMBERED_SECONDS:
            return known[1]
        answer = ask()
        with self.lock:
            if len(self.answers) >= MOST_REMEMBERED:
                self.answers.clear()
            self.answers[key] = (now, answer)
        return answer


class Access:
    """The rules, with what Slack said of people lately.

    Attributes:
        audiences: who reads what is posted in a conversation.
        own_id: the bot's user id.
    """

    def __init__(self, client: WebClient, me: Identity, settings: Settings, engine: Engine) -> None:
        self._client = client
        self._team_id = me.team_id
        self.audiences = Audiences(client, me.team_id, me.user_id)
        self._configured = {each.key: each for each in settings.clients}
        self._engine = engine
        self._people = _Remembered()
        self._groups = _Remembered()
        self._logged = _Remembered()
        self.own_id = me.user_id

    def check(self, asker: Asker, once: str = "") -> Admission:
        """Return what the person may see here.

        Args:
            asker: the person, and where they are.
            once: where the same is asked again and again, as while somebody types: a name for that window or message;
                a refusal in it is logged every five minutes at most.

        Raises:
            RefusedError: the person may not ask at all; the activity log has it.
        """
        try:
            user = self._checked_person(asker)
        except RefusedError as refused:
            self._refused(asker, refused.reason, once)
            raise
        profile: Mapping[str, Any] = user.get("profile") or {}
        name = real_name(user) or asker.user_id
        return Admission(
            lambda key: self._may_see(asker, key),
            name,
            time_zone(user.get("tz")),
            profile.get("email") or None,
            lambda key: self._refused(asker, OTHER_CLIENT, once, key),
            lambda: self._unseen(asker),
        )

    def why_not_shown(self, key: str, poster: Admission, audience: Audience) -> str | None:
        """Return why a client's data may not be posted where these people read it, as a predicate; None: it may.

        Args:
            key: of the client.
            poster: who wants to post, as admitted in that conversation.
            audience: who reads it.
        """
        if not poster.may_see(key):
            return "may be shown in its own channels only and can be shared in no other"
        client = self._configured.get(key)
        if client is not None and client.slack_user_groups:
            others = len(audience.readers - self._group_members(client))
            who = "1 other" if others == 1 else f"{others:,} others" if others else ""
            if audience.is_public:
                who = "everybody"  # also by those who are not among its members
            elif not audience.is_whole:
                who = "more people than can be looked at"
            if who:
                return f"is for the members of its user groups only, and {audience.name} is read by {who}"
        return None

    def has_bound_clients(self, user_id: str) -> bool:
        """Return whether there are clients that this person may see in the client's channels and nowhere else."""
        asker = Asker(user_id, self._team_id, "")
        return any(client.slack_channels and self._in_groups(asker, client) for client in self._configured.values())

    def groups_of(self, user_id: str) -> frozenset[str]:
        """Return ids and handles of the user groups that a person is in; none where they cannot be read."""
        return frozenset(name for name, people in self._known_members().items() if user_id in people)

    def people_of(self, names: Iterable[str]) -> frozenset[str]:
        """Return the user ids that these names stand for: ids themselves, ids and handles of user groups."""
        members = self._known_members()
        plain = [name.removeprefix("@") for name in names]
        single = {name for name in plain if name not in members and _USER_ID.fullmatch(name)}
        return frozenset(single.union(*(members.get(name, frozenset()) for name in plain)))

    def _checked_person(self, asker: Asker) -> Mapping[str, Any]:
        if asker.team_id != self._team_id:
            raise RefusedError("Only members of this workspace may ask; nothing was looked up.", "other workspace")
        try:
            user: Mapping[str, Any] = self._people.get(asker.user_id, lambda: self._user(asker.user_id))
        except SlackApiError as error:
            raise _not_checked(error_word(error)) from None
        except UNREACHABLE:
            raise _not_checked("unreachable") from None
        reason = why_not(user, self._team_id)
        if reason is not None:
            raise RefusedError(
                f"Only full members of this workspace may ask, and your account is {reason}. "
                "Nothing was looked up; a full member can ask for you.",
                reason,
            )
        return user

    def _user(self, user_id: str) -> Mapping[str, Any]:
        user: Mapping[str, Any] = self._client.users_info(user=user_id)["user"]
        return user

    def _may_see(self, asker: Asker, key: str) -> bool:
        """Apply the client's channels and groups; a client that the database has but no setting names stays hidden."""
        client = self._configured.get(key)
        if client is None:
            return not self._configured
        return _is_at_home(asker, client) and self._in_groups(asker, client)

    def _unseen(self, asker: Asker) -> str:
        """Return why no client may be seen: the wrong conversation, or the right one and no member of its group."""
        is_outside = any(
            _is_at_home(asker, client) and not self._in_groups(asker, client) for client in self._configured.values()
        )
        return OTHERS_ONLY if is_outside else ELSEWHERE

    def _in_groups(self, asker: Asker, client: Client) -> bool:
        return not client.slack_user_groups or asker.user_id in self._group_members(client)

    def _group_members(self, client: Client) -> frozenset[str]:
        """Return who is in one of a client's user groups."""
        members = self._known_members()
        groups = [members.get(group.removeprefix("@"), frozenset()) for group in client.slack_user_groups]
        return frozenset().union(*groups)

    def _known_members(self) -> Mapping[str, frozenset[str]]:
        """Return the members of every user group; nobody where Slack does not tell, which lets nobody in."""
        try:
            members: Mapping[str, frozenset[str]] = self._groups.get("all", self._members)
        except UNREACHABLE as error:
            _log.warning("user groups cannot be read (%s): nobody counts as a member", type(error).__name__)
            return {}
        return members

    def _members(self) -> Mapping[str, frozenset[str]]:
        """Return the user ids of every user group, by its id and by its handle."""
        groups = self._client.usergroups_list(include_users=True)["usergroups"]
        return {group[name]: frozenset(group.get("users", ())) for group in groups for name in ("id", "handle")}

    def _refused(self, asker: Asker, reason: str, once: str, client: str | None = None) -> None:
        if once:
            key = " ".join((asker.user_id, asker.channel_id, once, reason, client or ""))
            self._logged.get(key, lambda: self._record(asker, reason, client))
        else:
            self._record(asker, reason, client)

    def _record(self, asker: Asker, reason: str, client: str | None = None) -> None:
        details = {"reason": reason, "channel": asker.channel_id, "team": asker.team_id}
        try:
            with self._engine.begin() as connection:
                append(
                    connection,
                    Action.ACCESS_DENIED,
                    actor_id=asker.user_id,
                    client=client,
                    outcome="denied",
                    details=details,
                )
        except SQLAlchemyError as error:  # refused all the same
            _log.error("a refusal (%s) could not be written to the activity log: %s", reason, type(error).__name__)


def _is_at_home(asker: Asker, client: Client) -> bool:
    """Return whether a client's data may be shown in the conversation at all."""
    return not client.slack_channels or asker.channel_id in client.slack_channels


def real_name(user: Mapping[str, Any]) -> str:
    """Return what somebody is called, wherever they act: their real name, else what there is (Slack's user object)."""
    profile: Mapping[str, Any] = user.get("profile") or {}
    return str(
        profile.get("real_name") or user.get("real_name") or profile.get("display_name") or user.get("name") or ""
    )


def why_not(user: Mapping[str, Any], team_id: str) -> str | None:
    """Return what keeps this account from asking, None if nothing does (Slack's user object)."""
    if user.get("deleted"):
        return "deactivated"
    if user.get("is_bot") or user.get("is_workflow_bot") or user.get("id") == "USLACKBOT":
        return "a bot"
    teams = {user.get("team_id"), *(user.get("enterprise_user") or {}).get("teams", ())}
    if user.get("is_stranger") or team_id not in teams:
        return "of another organisation"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "a guest"
    return None


def _not_checked(reason: str) -> RefusedError:
    return RefusedError(
        "Slack did not tell who you are, so nothing was looked up; try again in a minute.", f"lookup failed: {reason}"
    )
