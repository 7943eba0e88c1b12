"""What the marts were built from, load by load, so that a build takes up what is new and nothing else.

`app.built_loads`: the loads that the marts hold (`is_built`), or that the build under way takes up. Not the newest
number: a load can commit after one that began later. A load whose row is deleted is taken up again.
`app.built_campaigns`: the campaigns by the names that the last build showed.
`app.builds.tested_at`: when every test of the dbt project last passed.
"""

from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both; whatever was built before is built anew."""
    op.execute("""
        create table app.built_loads (
            client text not null,
            load_id bigint not null,
            is_built boolean not null,
            primary key (client, load_id)
        );
        create table app.built_campaigns (
            client text not null,
            campaign_key text not null,
            campaign text not null,
            primary key (client, campaign_key)
        );
        alter table app.builds add column tested_at timestamptz;
        update app.builds set loads = '', project = '', tried_loads = '', tried_project = '';
    """)
