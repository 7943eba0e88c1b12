"""What people asked to have written, until Airtable has confirmed it; what is to be told to whom; who edited what.

`app.write_requests`: one row for each lead that an action concerns; those of one action share `reference` and `key`. A
row is pending until it is known to have happened once, or never will (docs/writes.md).
- `intent`: the cells that were sent last, and what they replaced; written before they are sent.
- `maybe_applied`: something was sent, and nobody knows whether Airtable applied it.
- `holder`: the writer at work on it, by the number of the advisory lock that it holds while it lives.
`app.write_messages`: sentences for people, each taken once.
`app.lead_edits`: who changed a cell that we write to, from the payloads of the base's webhook; kept for two days.
"""

from alembic import op

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.execute("""
        create table app.write_requests (
            id bigint generated always as identity primary key,
            reference text not null,
            key text not null,
            client text not null,
            lead_id text not null,
            lead_name text not null,
            kind text not null,
            content jsonb not null,
            origin text not null,
            is_bulk boolean not null default false,
            actor_id text not null,
            actor_name text not null,
            actor_email text,
            may_override boolean not null default false,
            seen jsonb,
            requested_at timestamptz not null,
            answer_until timestamptz not null,
            state text not null default 'pending',
            attempts integer not null default 0,
            next_attempt_at timestamptz not null,
            holder integer,
            sent_at timestamptz,
            intent jsonb,
            maybe_applied boolean not null default false,
            said text,
            problem text,
            before jsonb,
            after jsonb,
            version integer,
            finished_at timestamptz,
            reminded_at timestamptz,
            undone_by text,
            watched_version integer,
            watch_until timestamptz,
            restored integer not null default 0,
            unique (key, lead_id)
        );
        create index write_requests_pending on app.write_requests (client, lead_id, id) where state = 'pending';
        create index write_requests_reference on app.write_requests (reference);
        create index write_requests_actor on app.write_requests (actor_id, requested_at);
        create index write_requests_lead on app.write_requests (client, lead_id, id);
        create index write_requests_watched on app.write_requests (watch_until) where watch_until is not null;
        create index write_requests_finished on app.write_requests (finished_at) where state = 'done';
        create sequence app.write_holders as integer;
        create table app.write_messages (
            id bigint generated always as identity primary key,
            client text not null,
            lead_id text,
            reference text not null,
            kind text not null,
            recipient text,
            said text not null,
            at timestamptz not null,
            not_before timestamptz not null,
            holder integer,
            told_at timestamptz
        );
        create index write_messages_waiting on app.write_messages (not_before) where told_at is null;
        create index write_messages_reference on app.write_messages (reference);
        create table app.lead_edits (
            id bigint generated always as identity primary key,
            client text not null,
            lead_id text not null,
            field text not null,
            at timestamptz not null,
            source text not null,
            author text,
            before jsonb,
            after jsonb,
            handled boolean not null default false
        );
        create index lead_edits_lead on app.lead_edits (client, lead_id, field, id);
        create index lead_edits_waiting on app.lead_edits (id) where not handled;
        create index lead_edits_at on app.lead_edits (at);
        -- The log of a lead, of a reference, and of everybody, newest first.
        create index activity_log_at on app.activity_log (at);
        create index activity_log_reference on app.activity_log ((details ->> 'reference'));
    """)
