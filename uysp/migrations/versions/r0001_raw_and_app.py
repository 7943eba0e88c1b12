"""Raw tables with their history, the registry of Airtable's names, and the activity log.

The schemas and their owner exist before the first revision: `uysp.database` makes them, together with the roles.
Columns: spec/interface.md, section Postgres schemas. What is not named there:
- `load_id` says which load wrote a row, so that models can take up what they have not seen yet;
- `raw.airtable_options` keeps every name that a select option ever had, so that each version of a record can be
  read under the option's present name.
"""

from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

SOURCE_TABLES = ("leads", "campaigns", "sms_templates", "sms_audit")


def upgrade() -> None:
    """Create everything."""
    op.execute("""
        create table raw.clients (
            client text primary key,
            name text not null,
            base_id text not null,
            timezone text not null,
            internal_campaigns text[] not null
        );
        create table raw.loads (
            load_id bigint generated always as identity primary key,
            client text not null,
            source_table text not null,
            observed_at timestamptz not null,
            is_first boolean not null,
            records_read bigint not null,
            created bigint not null,
            updated bigint not null,
            deleted bigint not null,
            restored bigint not null
        );
        create unique index loads_first on raw.loads (client, source_table) where is_first;
        create table raw.sync_state (
            client text not null,
            source_table text not null,
            last_synced_at timestamptz,
            last_error text,
            last_error_at timestamptz,
            primary key (client, source_table)
        );
        create table raw.airtable_tables (
            client text not null,
            source_table text not null,
            table_id text not null,
            current_name text not null,
            first_seen timestamptz not null,
            last_seen timestamptz not null,
            deleted_at timestamptz,
            primary key (client, source_table)
        );
        create table raw.airtable_fields (
            client text not null,
            source_table text not null,
            field_id text not null,
            canonical_name text not null,
            current_name text not null,
            type text not null,
            options jsonb,
            first_seen timestamptz not null,
            last_seen timestamptz not null,
            deleted_at timestamptz,
            primary key (client, source_table, field_id)
        );
        create unique index airtable_fields_canonical_name
            on raw.airtable_fields (client, source_table, canonical_name) where deleted_at is null;
        create table raw.airtable_options (
            client text not null,
            source_table text not null,
            field_id text not null,
            option_id text not null,
            name text not null,
            seen_from timestamptz not null,
            seen_to timestamptz,
            primary key (client, source_table, field_id, option_id, seen_from)
        );
        create table app.activity_log (
            id bigint generated always as identity primary key,
            at timestamptz not null default now(),
            client text,
            actor_id text not null,
            actor_name text,
            action text not null,
            lead_id text,
            details jsonb not null default '{}',
            outcome text not null
        );
        create index activity_log_lead on app.activity_log (client, lead_id, at);
    """)
    for table in SOURCE_TABLES:
        op.execute(f"""
            create table raw.{table} (
                client text not null,
                record_id text not null,
                fields jsonb not null,
                created_time timestamptz not null,
                modified_at timestamptz not null,
                extracted_at timestamptz not null,
                deleted_at timestamptz,
                version integer not null,
                load_id bigint not null,
                primary key (client, record_id)
            );
            create index {table}_load_id on raw.{table} (load_id);
            -- marts.sync_status counts the records with every answer; the rows themselves are wide.
            create index {table}_status on raw.{table} (client) include (modified_at, deleted_at);
            create table raw.{table}_history (
                client text not null,
                record_id text not null,
                version integer not null,
                fields jsonb not null,
                observed_at timestamptz not null,
                operation text not null check (operation in ('created', 'updated', 'deleted', 'restored')),
                load_id bigint not null,
                primary key (client, record_id, version)
            );
            create index {table}_history_load_id on raw.{table}_history (load_id);
        """)
