"""Training runs: configuration, build, schedule, loop, checkpoint. Only `configuration` does without torch."""
