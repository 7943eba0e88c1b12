"""What Slack can send us, a module for each kind; listeners acknowledge and hand over, nothing else."""

from slack_bolt import App

from slackbot.bot import Bot
from slackbot.listeners import actions, commands, events, leftovers, options, views, writes


def register(app: App, bot: Bot) -> None:
    """Attach every listener to the app. A new kind has its line here, before what catches all that is left."""
    commands.register(app, bot)
    events.register(app, bot)
    actions.register(app, bot)
    options.register(app, bot)
    views.register(app, bot)
    writes.register(app, bot)
    leftovers.register(app, bot)
