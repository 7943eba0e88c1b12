"""A message of Slack's as the text of a note: as people read it, with its link."""

from collections.abc import Mapping
from typing import Any

from slackbot.bot import Bot
from slackbot.connection import UNREACHABLE
from uysp.actions.text import from_slack


def quoted(bot: Bot, body: Mapping[str, Any]) -> str:
    """Return the text of the message on which a shortcut was chosen, and below it the message's link."""
    message, channel = body["message"], body["channel"]["id"]
    plain = from_slack(str(message.get("text") or ""), lambda user_id: _name(bot, user_id)).strip()
    try:
        link = str(bot.client.chat_getPermalink(channel=channel, message_ts=str(message["ts"]))["permalink"])
    except UNREACHABLE:  # Slack's refusals among them: the bot need not be in that conversation
        link = _link(body)
    return "\n".join(part for part in (plain, link) if part)


def _link(body: Mapping[str, Any]) -> str:
    """Return a message's address as Slack writes it, for conversations that the bot is not in."""
    domain, message = (body.get("team") or {}).get("domain"), body["message"]
    if not domain:
        return ""
    address = f"https://{domain}.slack.com/archives/{body['channel']['id']}/p{str(message['ts']).replace('.', '')}"
    thread = message.get("thread_ts")
    return f"{address}?thread_ts={thread}&cid={body['channel']['id']}" if thread else address


def _name(bot: Bot, user_id: str) -> str | None:
    try:
        user: Mapping[str, Any] = bot.client.users_info(user=user_id)["user"]
    except UNREACHABLE:
        return None
    profile = user.get("profile") or {}
    name = profile.get("display_name") or user.get("real_name")
    return str(name) if name else None
