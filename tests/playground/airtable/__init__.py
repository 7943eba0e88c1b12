"""The emulator against the facts of research/airtable.md, seen through pyairtable and raw HTTP."""
