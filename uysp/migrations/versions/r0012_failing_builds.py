"""Since when builds of the marts fail, so that answers, status and doctor say it.

`app.builds.built_at`: when the last build that worked began; the marts hold what was loaded before.
`failing_since`, `failed`: when the first build failed since, and which models and tests the last one failed in.
"""

from alembic import op

revision = "r0012"
down_revision = "r0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing is known of builds before."""
    op.execute("""
        alter table app.builds
            add column built_at timestamptz,
            add column failing_since timestamptz,
            add column failed text not null default '';
    """)
