"""marts.sync_status: metrics.md section 10."""

from tests.warehouse.expected.base import SOURCE_TABLES, Base, Json


def expected_sync_status(base: Base) -> list[dict[str, Json]]:
    """Return the rows of marts.sync_status: one for each table that was looked at."""
    rows = []
    for table in SOURCE_TABLES:
        if table not in base.sync_state:
            continue
        state, history = base.sync_state[table], base.history(table)
        changes = [row.observed_at for versions in history.values() for row in versions]
        existing = len(base.present(table))
        rows.append(
            {
                "client": base.client,
                "source_table": table,
                "last_synced_at": state.last_synced_at,
                "last_changed_at": max(changes, default=None),
                "rows": existing,
                "deleted_rows": len(history) - existing,
                "last_error": state.last_error,
            }
        )
    return rows
