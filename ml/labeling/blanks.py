"""What is no reading becomes blanks before a report is split; every place stays."""

import re

from ml.labeling.lexicon import Lexicon
from ml.labeling.terms import variants
from ml.labeling.vocabulary import Vocabulary

SECOND = " 2) "  # in a list
_ESCAPE = re.compile(r"\\[A-Za-z.0-9]{1,8}\\")  # HL7: \.br\, \E\
# a vendor's criteria: behind dot leaders (of two dots where capitals leave no room for more), in square brackets; "[ ]"
# and "[x]" are boxes to tick
_REASON = re.compile(r"(?:\.{3,}|(?<=[A-Z]{3})\.\.(?=[^\s.]))[^\n]*|\[(?![ xX]?\])[^\]\n]{0,500}\]")
_NUMBERED = re.compile(r"(?:^|\s)1\)\s")
_NUMBER = re.compile(r"(?<=\s)\d{1,2}\)(?=\s)")


class Blanks:
    """Blanks signatures, reasons and escapes, with a vocabulary's words for signatures and answers."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon) -> None:
        ignoring = [
            field
            for field in vocabulary.fields
            if field.kind == "ignored_to_line_end" and field.holds(vocabulary.policy)
        ]
        to_line_end = [spelled for field in ignoring for term in field.all() for spelled in variants(term)]
        words = "|".join(r"\W{1,5}".join(map(re.escape, spelled)) for spelled in to_line_end)
        unless = "|".join(re.escape(word) for field in ignoring for word in field.unless)
        ending = rf"(?!\W{{1,5}}(?:{unless})\b)" if unless else ""
        self.to_line_end = re.compile(rf"\b(?:{words})\b{ending}[^\n]*", re.IGNORECASE) if words else None
        self.signed_by = tuple(sorted(lexicon.signatures))
        answers = "|".join(map(re.escape, sorted(lexicon.answers))) or "(?!)"
        leader = rf"(?<!\.)\.{{2,}}+ ?(?=(?:{answers})[ \t]*+$)"
        self.leader = re.compile(leader, re.IGNORECASE | re.MULTILINE)

    def blanked(self, text: str) -> str:
        """Replace escapes by line breaks, dots before an answer by a colon, and what is no reading by blanks."""
        if "\\" in text:
            text = _ESCAPE.sub(_new_line, text)
        if ".." in text:
            text = self.leader.sub(_leading, text)
        if "[" in text or ".." in text:
            text = _REASON.sub(_blank, text)
        if self.to_line_end is not None and any(map(text.lower().__contains__, self.signed_by)):
            text = self.to_line_end.sub(_blank, text)
        if SECOND in text and _NUMBERED.search(text):
            text = _NUMBER.sub(_new_line, text)
        return text


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


def _leading(found: re.Match[str]) -> str:
    """Return a colon for the dots before an answer, with what is between words before it."""
    return "_" * (len(found.group()) - 1) + ":"


def _new_line(found: re.Match[str]) -> str:
    return "\n" + " " * (len(found.group()) - 1)
