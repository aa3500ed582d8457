"""What the archive holds, taken out: tables as Parquet, and waveforms as WFDB."""
