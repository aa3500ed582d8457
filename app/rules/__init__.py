"""Machine readings of ours: an ECG read by rules, stored as a report that is never taken for a vendor's."""
