"""Storing the ECGs of a batch: new ones, and those that are known by their waveform or their record."""
