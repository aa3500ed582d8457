"""The over-read audit: signed labels that the evidence speaks against, what was decided of them, and readers' rates."""
