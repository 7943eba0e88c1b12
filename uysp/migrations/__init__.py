"""Alembic migrations of the schemas raw and app, applied by uysp.database on start."""
