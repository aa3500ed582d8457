"""Text inside XML, SVG and HTML."""

import re
from html import escape

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """Replace each character that XML 1.0 forbids (U+0000, U+FFFF, a lone surrogate, …) by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def escaped(text: str) -> str:
    """Return text that is safe as XML content and as an attribute's value."""
    return escape(printable(text))
