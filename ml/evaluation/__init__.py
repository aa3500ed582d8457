"""Metrics of scores: ranking, calibration, intervals, comparisons, and their plots and CSV rows. Knows no model."""
