"""Models: training, evaluation, the registry."""
