"""Run tap-airtable against another endpoint; in its own environment, arguments: ENDPOINT and the tap's own."""

import sys

from tap_airtable.client import AirtableClient
from tap_airtable.tap import TapAirtable

AirtableClient.base_url = f"{sys.argv.pop(1)}/v0/"
TapAirtable.cli()
