"""How many records each table has, beside the records: counting 400,000 of them took a tenth of a second.

`raw.table_counts`: one row per client and table that was loaded; changed in the transaction that changes the records.
"""

from alembic import op

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None

SOURCE_TABLES = ("leads", "campaigns", "sms_templates", "sms_audit")


def upgrade() -> None:
    """Create it with what is there, and index by itself what is looked up of deleted records."""
    op.execute("""
        create table raw.table_counts (
            client text not null,
            source_table text not null,
            rows bigint not null,
            deleted_rows bigint not null,
            last_changed_at timestamptz,
            primary key (client, source_table)
        );
    """)
    for table in SOURCE_TABLES:
        op.execute(f"""
            insert into raw.table_counts (client, source_table, rows, deleted_rows, last_changed_at)
            select
                client,
                '{table}',
                count(*) filter (where deleted_at is null),
                count(*) filter (where deleted_at is not null),
                max(modified_at)
            from raw.{table} group by client;
            drop index raw.{table}_status;
            create index {table}_deleted_at on raw.{table} (client, deleted_at) where deleted_at is not null;
        """)
