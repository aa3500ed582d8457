"""Pages of work that takes time: jobs, datasets, models, and evaluations."""
