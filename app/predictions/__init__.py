"""Predictions: an ECG's labels as a model sees them, beside what the machine said."""
