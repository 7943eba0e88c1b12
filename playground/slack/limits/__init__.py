"""What Slack refuses: `blocks.block_faults` in a message, `views.view_faults` in a modal or Home; the rest is rules."""
