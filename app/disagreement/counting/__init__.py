"""From stored pairs to counts: which are chosen, how many there are of each cell, and of each label."""
