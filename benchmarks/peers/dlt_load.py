"""Load an Airtable base with pyairtable into dlt, every table replaced: what dlt's verified source does.

In its own environment; arguments: ENDPOINT TOKEN BASE DATABASE_URL FOLDER.
"""

import sys
from collections.abc import Iterator

import dlt
from pyairtable import Api

endpoint, token, base_id, database, folder = sys.argv[1:]
base = Api(token, endpoint_url=endpoint).base(base_id)


@dlt.source
def airtable() -> Iterator[object]:
    for table in base.tables():
        yield dlt.resource(
            (page for page in table.iterate()), name=table.name, write_disposition="replace", primary_key="id"
        )


pipeline = dlt.pipeline(
    "bench", destination=dlt.destinations.postgres(database), dataset_name="peer_dlt", pipelines_dir=folder
)
print(pipeline.run(airtable()))
