"""Trying an ECG out: drawn, labelled and predicted, and not kept."""
