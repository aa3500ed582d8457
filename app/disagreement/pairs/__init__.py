"""Making pairs of reports: of one ECG, of a batch of an import, of all for another vocabulary."""
