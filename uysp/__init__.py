"""What the pipeline and the bot share; knows no Dagster, dbt or Slack."""
