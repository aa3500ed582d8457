"""Discrepancy models: what an expert will probably change in the machine's report, learned from pairs."""
