"""Predictions: a model's labels for an ECG, beside the machine's report."""
