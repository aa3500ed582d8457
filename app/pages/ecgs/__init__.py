"""The list of ECGs, and the page of one ECG."""
