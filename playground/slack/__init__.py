"""A stand-in for Slack, for the demo and for tests: Web API, both deliveries to an app, and a chat page in the browser."""
