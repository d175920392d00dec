"""How long an old rollout takes to open, beside the same with an empty journal."""
