"""Gold ECGs: their right reading is known, and readers meet them without knowing."""
