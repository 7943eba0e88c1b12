"""The Airtable gateway: its wire (client), its pace (limiter) and its names (fields)."""
