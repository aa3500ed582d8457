"""From a number of the table to the ECGs and the words behind it."""
