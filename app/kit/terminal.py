"""Text for a terminal. Names and words come from files and clients: they must not move the cursor or change colours."""

import unicodedata

_LAYOUT = "\n\t"


def printable(text: str) -> str:
    r"""Return a text with everything that steers a terminal written out, as `\x1b`; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(_written_out(character) for character in text)


def _written_out(character: str) -> str:
    if character.isprintable() or character in _LAYOUT or unicodedata.category(character) == "Zs":  # Zs: blanks
        return character
    return character.encode("unicode_escape").decode("ascii")
