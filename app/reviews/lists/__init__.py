"""Review lists: which ECGs are to be read, chosen once by a rule."""
