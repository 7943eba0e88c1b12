"""Dagster: what runs, when, and how it is seen. No business rules, no SQL of its own."""
