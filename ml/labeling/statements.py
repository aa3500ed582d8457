"""A report to its statements: lines and sentences, fragments rejoined, lines that are no reading left out."""

import re

from ml.labeling.reading import Statement

_BREAK = re.compile(r"\\\.br\\|[\r\n\t;|•]+|(?<=[^\d\s.][^\s.])\.(?=\s|$)|(?:^|(?<=\n))\s*(?:\d{1,2}[.)]|[-*])\s+")
_FRAGMENT = re.compile(r"\s*,")
_BRACKETED = re.compile(r"\[[^\]\n]{0,500}\]")


def split(text: str) -> list[Statement]:
    """Split at newlines, semicolons, bullets and full stops; ", age undetermined" stays with the line before it."""
    blanked = _BRACKETED.sub(lambda found: " " * len(found.group()), text)
    statements: list[Statement] = []
    start = 0
    for end, following in [*((m.start(), m.end()) for m in _BREAK.finditer(blanked)), (len(text), len(text))]:
        piece = blanked[start:end]
        left = start + len(piece) - len(piece.lstrip())
        right = left + len(piece.strip())
        if right > left:
            if statements and _FRAGMENT.match(piece):
                left = statements.pop().start
            statements.append(Statement(left, right, text[left:right]))
        start = following
    return statements
