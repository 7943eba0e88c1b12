"""The sample base: what the Airtable base of an outreach client looks like, dirt included, and what happens to it.

`base.generate` makes the base from a seed; `automations` plays the outside programs that write to it while it runs.
"""
