"""Names of files and folders in messages: they may be patients' names."""

import re
from collections.abc import Collection


def without_names(text: str, names: Collection[str]) -> str:
    """Return a text with "…" for each of some names, where it stands as a whole word; the longest name goes first."""
    return any_of(names).sub("…", text) if any(names) else text


def any_of(names: Collection[str]) -> re.Pattern[str]:
    """Return the pattern of some names, at least one of which is not empty, as whole words."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")
