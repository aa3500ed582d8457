"""Triage rules: which of the machine's reports may pass unread, with a bound on the changes that are missed."""
