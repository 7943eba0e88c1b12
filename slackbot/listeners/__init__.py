"""What Slack can send us, a module for each kind; listeners acknowledge and hand over, nothing else."""

from slack_bolt import App

from slackbot.desk import Desk
from slackbot.listeners import commands


def register(app: App, desk: Desk) -> None:
    """Attach every listener to the app."""
    commands.register(app, desk)
