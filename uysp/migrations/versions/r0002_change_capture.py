"""What the sync remembers between its looks at Airtable: hooks and cursors, records to re-read, sweeps, deletions held.

`app.airtable_hooks`: the webhook whose payload list is polled, and the number of the next payload to read.
`app.airtable_dirty`: records that Airtable named as changed and that were not re-read since.
`app.airtable_tables`: what a table waits for as a whole, and when it was last read whole or swept.
`app.airtable_held_deletions`: records that are gone from Airtable, so many at once that a person has to confirm.
`app.builds`: from which loads and which state of the dbt project the marts are built, and were last tried to be.
`raw.<table>.written_at`: when a write of ours was last answered; a read that began before it is older than it.
`raw.airtable_schema_changes`: what happened to tables, fields and options, in words.
"""

from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None

SOURCE_TABLES = ("leads", "campaigns", "sms_templates", "sms_audit")


def upgrade() -> None:
    """Create everything."""
    op.execute("""
        create table app.airtable_hooks (
            client text primary key,
            hook_id text,
            cursor bigint,
            unavailable text,
            losses timestamptz[] not null default '{}',
            looked_at timestamptz,
            seen_until timestamptz,
            checked_at timestamptz,
            schema_due boolean not null default true,
            schema_read_at timestamptz
        );
        create table app.airtable_dirty (
            client text not null,
            source_table text not null,
            record_id text not null,
            marked_at timestamptz not null,
            changed_at timestamptz,
            is_destroyed boolean not null default false,
            misses integer not null default 0,
            primary key (client, source_table, record_id)
        );
        create table app.airtable_tables (
            client text not null,
            source_table text not null,
            whole_read_due text,
            read_at timestamptz,
            swept_at timestamptz,
            rotated_at timestamptz,
            rotation integer not null default 0,
            primary key (client, source_table)
        );
        create table app.airtable_held_deletions (
            client text not null,
            source_table text not null,
            record_id text not null,
            held_at timestamptz not null,
            primary key (client, source_table, record_id)
        );
        create table app.builds (
            id boolean primary key default true check (id),
            loads text not null default '',
            project text not null default '',
            tried_loads text not null default '',
            tried_project text not null default ''
        );
        insert into app.builds default values;
        create table raw.airtable_schema_changes (
            id bigint generated always as identity primary key,
            client text not null,
            source_table text,
            at timestamptz not null,
            said text not null
        );
    """)
    for table in SOURCE_TABLES:
        op.execute(f"alter table raw.{table} add column written_at timestamptz")
        op.execute(f"create index {table}_written on raw.{table} (client, written_at) where written_at is not null")
        # Deletions of the last day are counted before more are believed.
        op.execute(f"""
            create index {table}_history_deleted on raw.{table}_history (client, observed_at)
                where operation = 'deleted'
        """)
