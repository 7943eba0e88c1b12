"""By which of a base's own names the clients file named a field, so that it stays named when Airtable renames it.

`raw.airtable_fields.own_name`: NULL where the clients file says nothing of the field.
"""

from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.execute("alter table raw.airtable_fields add column own_name text")
