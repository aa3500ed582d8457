"""The page on which an ECG is tried out; nothing of it is kept unless somebody asks."""
