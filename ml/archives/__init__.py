"""Collections of ECGs as people have them: a folder or a table → one `Entry` an ECG."""

from ml.archives.entry import Entry, Rejected

__all__ = ["Entry", "Rejected"]
