"""Imports: reports by the million, from files or from the simulator, of ECGs with or without a waveform."""
