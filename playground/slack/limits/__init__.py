"""What Slack refuses: `blocks.block_faults` looks at a whole message; the other modules hold rules of its parts."""
