"""Datasets: frozen, hashed choices of windows with labels, for training."""
