"""Finding ECGs again: by record, patient, time, place, waveform and finding."""
