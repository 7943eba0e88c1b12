"""Who acts and which leads and clients are meant, for commands; with `uysp.cli` the one place that may ask the bot."""

from typing import TYPE_CHECKING

from uysp.errors import ConfigurationError
from uysp.settings import Client, Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from uysp.actions.rights import Person


def chosen_clients(settings: Settings, key: str | None) -> tuple[Client, ...]:
    """Return the client named `key`, or all.

    Raises:
        ConfigurationError: none is configured, or none has that key.
    """
    if not settings.clients:
        raise ConfigurationError(
            "No Airtable base is configured, so there is nothing to read; set AIRTABLE_API_KEY and AIRTABLE_BASE_ID, "
            "or UYSP_CLIENTS_FILE, in the environment or in .env."
        )
    chosen = tuple(client for client in settings.clients if key in {None, client.key})
    if not chosen:
        keys = ", ".join(client.key for client in settings.clients)
        raise ConfigurationError(f"There is no client {key!r}; the configured ones are: {keys}.")
    return chosen


def acting_person(settings: Settings, who: str | None) -> "Person":
    """Return who acts, as Slack knows them if it is configured."""
    from uysp.terminal import person

    if settings.slack_bot_token is None:
        return person(who)

    def look_up(named: str) -> "Person":
        from slackbot.connection import identity, web_client
        from slackbot.people import slack_person

        slack = web_client(settings)
        return slack_person(slack, identity(slack).team_id, named, settings.clients)

    return person(who, look_up)


def find_lead(engine: "Engine", settings: Settings, typed: str, client: str | None) -> tuple[str, str]:
    """Return client and record id of the one lead that a text means.

    Raises:
        AmbiguousLeadError: it may mean several.
        ConfigurationError: it means none.
    """
    from sqlalchemy import text

    from slackbot.answers.freshness import missing_marts
    from slackbot.answers.search import named_record, the_lead

    keys = tuple(each.key for each in chosen_clients(settings, client))
    with engine.connect() as connection:
        match = None if missing_marts(connection, ("leads",)) else the_lead(connection, keys, typed)
        if match is not None:
            return match.client, match.lead_id
        named = named_record(typed)
        if named is not None:  # one that the marts do not have yet
            found = connection.execute(
                text("""
                    select client, record_id from raw.leads
                    where client = any(:keys) and record_id = :record_id and deleted_at is null
                """),
                {"keys": [key for key in keys if named[0] in {None, key}], "record_id": named[1]},
            ).all()
            if len(found) == 1:
                return found[0].client, found[0].record_id
    raise ConfigurationError(f"No lead found for “{typed[:80]}”; nothing was stored. uysp sync reads what is new.")


def find_leads(
    engine: "Engine", settings: Settings, filters: list[str], client: str | None
) -> tuple[str, tuple[str, ...]]:
    """Return client and record ids of the leads that filters leave, without those that are stopped already.

    Raises:
        UyspError: a filter means nothing, or the leads of several clients are left.
    """
    from slackbot.answers import question_of
    from slackbot.answers.writes import MANY_FILTERS, many_leads
    from slackbot.grammar import line

    given: dict[str, object] = {}
    for typed in filters:
        name, _, value = typed.partition(":")
        if name.casefold() not in MANY_FILTERS or not value:
            known = ", ".join(f"{each}:" for each in MANY_FILTERS)
            raise ConfigurationError(f"{typed[:40]!r} is no filter; there are {known}. Nothing was stored.")
        given[name.casefold()] = value.strip('"')
    question = question_of(line("remove", filters=given | ({"client": client} if client else {})))
    keys = {each.key for each in chosen_clients(settings, client)}
    with engine.connect() as connection:
        many = many_leads(connection, settings, keys.__contains__, question)
    return many.client, many.lead_ids
