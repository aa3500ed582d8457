"""A text in plain characters: what may stand for a blank, a line's end or a letter is one of each."""

import re
import unicodedata
from bisect import bisect_right

_LINE_END = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_UNSEEN = "\u00ad\u200b-\u200f\u2060\ufeff"
_UNPLAIN = re.compile(
    rf"\r\n|[{_LINE_END}]|(?:(?![{_LINE_END}])[^\S\n]){{2,}}|(?![{_LINE_END}])[^\S\n ]"
    rf"|[{_UNSEEN}]+|.[\u0300-\u036f]{{1,4}}|[\uff01-\uff5e\ufb00-\ufb06]"
)


class PlainText:
    """A text in which a blank is " ", several or a tab are one tab, and letters are composed.

    `place` leads from a place in it back to the place in the text it was made of.
    """

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []  # in `text`, where a replaced stretch ends
        self._moved: list[int] = []  # by how much the original is ahead from there on
        written: list[str] = []
        past = length = 0
        for found in _UNPLAIN.finditer(text):
            plain = _plain(found[0])
            length += found.start() - past + len(plain)
            written += text[past : found.start()], plain
            past = found.end()
            self._starts.append(length)
            self._moved.append(past - length)
        self.text = "".join([*written, text[past:]])

    def place(self, index: int) -> int:
        """Return where a character of the plain text stands in the original."""
        known = bisect_right(self._starts, index)
        return index + (self._moved[known - 1] if known else 0)


def _plain(stretch: str) -> str:
    if stretch == "\r\n" or stretch[0] in _LINE_END:
        return "\n"
    if stretch.isspace():
        return "\t" if len(stretch) > 1 or stretch == "\t" else " "
    if re.match(f"[{_UNSEEN}]", stretch):
        return ""
    return unicodedata.normalize("NFKC", stretch)
