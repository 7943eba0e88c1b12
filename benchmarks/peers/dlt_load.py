"""Load an Airtable base with pyairtable into dlt, every table replaced: what dlt's verified source does.

In its own environment; arguments: ENDPOINT TOKEN BASE DATABASE_URL FOLDER.
"""

import sys
from collections.abc import Iterator

import dlt
from dlt.common.normalizers.naming.snake_case import NamingConvention
from pyairtable import Api
from pyairtable.models.schema import TableSchema

NUMBERS = {"number", "currency", "percent"}
endpoint, token, base_id, database, folder = sys.argv[1:]
base = Api(token, endpoint_url=endpoint).base(base_id)
column = NamingConvention().normalize_identifier


def hints(table: TableSchema) -> dict[str, dict[str, str]]:
    """Call numbers what they are: a column whose first are whole would else be bigint, and 1e300 end the load."""
    return {f"fields__{column(field.name)}": {"data_type": "double"} for field in table.fields if field.type in NUMBERS}


@dlt.source
def airtable() -> Iterator[object]:
    for table in base.tables():
        yield dlt.resource(
            (page for page in table.iterate()),
            name=table.name,
            write_disposition="replace",
            primary_key="id",
            columns=hints(table.schema()),
        )


pipeline = dlt.pipeline(
    "bench", destination=dlt.destinations.postgres(database), dataset_name="peer_dlt", pipelines_dir=folder
)
print(pipeline.run(airtable()))
