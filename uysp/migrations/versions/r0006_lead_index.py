"""What typed search looks leads up in: their words, and the words there are (`uysp.lead_index` keeps both).

`app.lead_index`: one row for each lead of marts.leads with the cells that it was made from, so that a change shows.
`app.lead_index_words`: how many leads have each word. With the extension pg_trgm, parts in the middle of words and
words with several typos are found by an index; where it may not be had, search does without (`uysp doctor` says so).
"""

import sqlalchemy
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.execute("""
        create table app.lead_index (
            client text not null,
            lead_id text not null,
            name text collate "C" not null,
            company text,
            email text,
            phone text,
            is_test boolean not null,
            last_sent_at timestamptz,
            name_words text[] not null,
            words text[] not null,
            primary key (client, lead_id)
        );
        create index lead_index_words_of_leads on app.lead_index using gin (name_words, words);
        create index lead_index_likeliest_first
            on app.lead_index (is_test, last_sent_at desc nulls last, name, client, lead_id);
        create table app.lead_index_words (
            client text not null,
            word text collate "C" not null,
            leads integer not null,
            primary key (client, word)
        );
        create index lead_index_words_by_leads on app.lead_index_words (client, leads desc, word);
    """)
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("create extension if not exists pg_trgm with schema app")
    except sqlalchemy.exc.DBAPIError:
        return  # not installed on the server, or not ours to create
    schema: str = connection.exec_driver_sql(
        "select extnamespace::regnamespace::text from pg_extension where extname = 'pg_trgm'"
    ).scalar_one()
    connection.exec_driver_sql(
        f"create index lead_index_words_parts on app.lead_index_words using gin (word {schema}.gin_trgm_ops)"
    )
