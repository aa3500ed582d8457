"""ECGs: upload, waveform, plot."""
