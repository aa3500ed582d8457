"""Folders of the server, taken out of what a client reads: exceptions name the files that they are about."""

import re

# an absolute path inside quotes may hold blanks; without quotes it ends at the first one
_QUOTED = re.compile(r"""(?P<quote>['"])/[^'"\\\n]*/(?P<name>[^'"\\\n/]*)(?P=quote)""")
_BARE = re.compile(r"""(?<![\w/.:])/(?:[^\s/'"\\,;:()<>]+/)+(?P<name>[^\s/'"\\,;:()<>]*)""")


def without_folders(words: str) -> str:
    """Return the words with each absolute path cut down to the name of its file."""
    return _BARE.sub(r"\g<name>", _QUOTED.sub(r"\g<quote>\g<name>\g<quote>", words))
