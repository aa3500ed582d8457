"""What was erased does not come back: uploads and imports look here before they store an ECG."""
