"""What experts add to and remove from the machine's readings."""
