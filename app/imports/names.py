"""Names of files and folders in messages: they may be patients' names."""

import re
from collections.abc import Collection


def without_names(text: str, names: Collection[str]) -> str:
    """Return a text with "…" for each of some names, where it stands as a whole word; the longest name goes first."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    return re.sub(rf"(?<!\w)(?:{words})(?!\w)", "…", text) if words else text
