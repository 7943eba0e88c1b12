"""The Slack front end: a question in, typed rows out, shown as blocks, text or JSON."""
