"""What people may write to Airtable: notes, removals, status, claims, and their undoing, each exactly once.

Here: validation, rights, the queue of requests, their carrying out, and what is to be told afterwards. Not here: how
it looks in Slack or in the terminal. Guide: docs/writes.md.
"""
