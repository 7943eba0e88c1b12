"""Stand-ins for demo and tests. No product code imports this."""
