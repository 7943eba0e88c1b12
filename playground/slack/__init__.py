"""A stand-in for Slack, for demo and tests: Web API, both ways to an app, and a chat page in the browser."""
