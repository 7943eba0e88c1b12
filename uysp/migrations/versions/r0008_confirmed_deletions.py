"""Which deletions a person confirmed: they do not count again when the next ones are weighed (`uysp.deletions`).

`app.airtable_confirmed_loads`: the loads that deleted records under `uysp sync --accept-deletions`.
"""

from alembic import op

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create it; what was confirmed before counts for a day still."""
    op.execute("""
        create table app.airtable_confirmed_loads (
            client text not null,
            load_id bigint not null,
            primary key (client, load_id)
        );
    """)
