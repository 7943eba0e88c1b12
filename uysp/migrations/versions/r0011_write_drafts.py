"""Texts that are too long for a form of Slack's, kept until it is submitted: for a day at most.

`app.write_drafts`: a text by the key that the form carries; about no lead before one is chosen.
"""

from alembic import op

revision = "r0011"
down_revision = "r0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create it."""
    op.execute("""
        create table app.write_drafts (
            key text primary key,
            body text not null,
            at timestamptz not null default now()
        );
        create index write_drafts_at on app.write_drafts (at);
    """)
