"""What Alembic runs: everything is configured here and in uysp.database, which passes its open connection.

The revisions are written by hand as SQL, so there is no metadata to compare with; whoever calls owns the transaction.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="app")
context.run_migrations()
