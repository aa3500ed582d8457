"""The training store, splits by patient, and the simulator."""
