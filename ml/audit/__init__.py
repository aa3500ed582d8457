"""The over-read audit: which signed labels the evidence speaks against, and how readers stand beside what they read."""
