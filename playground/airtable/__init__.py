"""An HTTP server that a client cannot tell from Airtable, with faults on demand.

`server` serves a `store.Store` under the switches of `behaviour.Behaviour`; `python -m playground.airtable`
runs it as a process. What is emulated, and where each fact was seen, is said beside each rule by the section
of the research it follows.
"""
