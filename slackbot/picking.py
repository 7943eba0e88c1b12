"""Lead pickers: what is offered while somebody types a name, an address, a company or the digits of a phone.

Typing counts as no read. Slack waits three seconds for options, so they are looked up while it waits.
"""

import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from slackbot.access import RefusedError
from slackbot.answers import NotVisibleError
from slackbot.answers.leads import lead_line
from slackbot.answers.offers import Offered, offered_leads
from slackbot.blocks.actions import LONGEST_OPTION_VALUE
from slackbot.blocks.elements import plain
from slackbot.blocks.fit import MOST_LABEL, clipped
from slackbot.blocks.text import NOTHING, clean
from slackbot.bot import Bot
from slackbot.grammar import line
from slackbot.place import Place

Option = dict[str, Any]
UNSEEN = "No client's data may be shown here"
AWAY = "The database does not answer; try again in a minute"

_log = logging.getLogger(__name__)


def lead_options(bot: Bot, place: Place, typed: str) -> list[Option]:
    """Return the leads to choose from, each with `client/record id` as its value; none for who may not ask.

    Where none can be looked up, the one option says why; its value has no client, and what was typed after the `/`.
    """
    found = _offered(bot, place, typed)
    if isinstance(found, str):
        return [_said(found, f"/{typed}")]
    return [_option(lead, f"{lead.client}/{lead.lead_id}") for lead in found]


def lead_questions(bot: Bot, place: Place, typed: str) -> list[Option]:
    """Return the leads to choose from, each with the line that asks for it as its value.

    Where none can be looked up, the one option says so; choosing it asks for what was typed, and so tells why.
    """
    found = _offered(bot, place, typed)
    if isinstance(found, str):
        return [_said(found, line("lead", typed))]
    return [_option(lead, lead_line("lead", lead.client, lead.lead_id)) for lead in found]


def _offered(bot: Bot, place: Place, typed: str) -> list[Offered] | str:
    """Return the leads, or in a few words why they cannot be looked up."""
    try:
        bot.refuse_unseen(admission := bot.access.check(place.asker, str(place.view.get("id") or place.message_ts)))
        with bot.engine.begin() as connection:
            return offered_leads(connection, bot.settings, admission.may_see, typed)
    except RefusedError:
        return []
    except NotVisibleError:
        return UNSEEN
    except SQLAlchemyError as error:
        _log.warning("leads could not be looked up while somebody typed: %s", type(error).__name__)
        return AWAY


def _said(sentence: str, value: str) -> Option:
    return {"text": plain(sentence), "value": value[:LONGEST_OPTION_VALUE]}


def _option(lead: Offered, value: str) -> Option:
    name = " — ".join(clean(part) for part in (lead.name, lead.company) if part and clean(part))
    option: Option = {"text": plain(clipped(name, MOST_LABEL) or NOTHING), "value": value[:LONGEST_OPTION_VALUE]}
    below = (lead.client if lead.is_of_several else "", clean(lead.campaign or ""))
    if any(below):
        option["description"] = plain(clipped(" — ".join(filter(None, below)), MOST_LABEL))
    return option
