"""Training runs: configuration, construction, schedule, loop, checkpoint. Only `configuration` loads without torch."""
