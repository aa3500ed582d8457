"""Reports: the machine's reading and the over-reads of an ECG, and the findings in them."""
