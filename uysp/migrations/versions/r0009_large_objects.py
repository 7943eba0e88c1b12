"""Nobody but the owner makes large objects in this database: by default everybody may, the analyst too.

The privileges themselves stand in `uysp.roles`, and are renewed with every revision; this one has them renewed.
"""

revision = "r0009"
down_revision = "r0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing of its own."""
