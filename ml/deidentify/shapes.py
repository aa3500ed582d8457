"""Identifiers that are known by their shape, and the values that follow their labels.

A blank or a column stands between words (` ` or a tab, see `plain.py`). Every repetition is bounded.
"""

import re
from collections.abc import Iterator

from ml.deidentify.addresses import addresses
from ml.deidentify.words import is_known
from ml.labeling.tokens import fold

_MONTH = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|oct|okt|nov|de[cz])[a-zä]{0,7}"
_DATE = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{1,2}}(?:\.|st|nd|rd|th)?(?:\sof)?[\s-]{{0,2}}{_MONTH}[\s.,-]{{0,3}}\d{{2,4}}"
    rf"|{_MONTH}[\s.-]{{1,2}}\d{{1,2}}[\s,]{{1,3}}\d{{2,4}})(?!\d)"
)
_TIME = r"\d{1,2}[:.]\d{2}(?::\d{2})?(?:\s?[AP]\.?M\.?)?(?:\s?Uhr)?"
_NUMBER = r"(?=[A-Z./-]{0,12}\d)[A-Z0-9](?:[A-Z0-9/_-]|\.(?=\w)){0,39}(?:\s\d[\d-]{1,9}){0,4}"
_PLACE = (
    r"\d{1,5}[A-Z]?(?:-\d{1,4})?(?!\w|\s?°|\s[CF]\b|\sdegrees|\sGrad)(?:\s(?:West|East|North|South|Nord|Ost|Süd)\b)?"
)


def _compiled(pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern, re.IGNORECASE)


# What follows a label.
SIGN = _compiled(r"[\"']?[ \t]?[:=#>]\s?\n?")
DASH = _compiled(r"\s?[-–]\s|\sis\s|\sist\s")
COLUMN = _compiled(r"\t")
BORN = _compiled(rf"[\s:=.(*>\"'/]{{0,4}}(?:\d{{1,3}}\s\()?(?:(?:am|on|in)\s)?(?:the\s)?(?:{_DATE}|\d{{4}}(?!\d))\)?")
NUMBER = _compiled(rf"[\s:=#.>\"'-]{{0,5}}{_NUMBER}")
SIGNED_NUMBER = _compiled(
    rf"[\s.]{{0,2}}[:=#>][\s:=#.]{{0,3}}{_NUMBER}|[\s.-]{{1,2}}(?=[A-Z-]{{0,4}}\d[\d-]{{3}}){_NUMBER}"
)
PLACE = _compiled(rf"[\s:#.=]{{0,3}}(?:no\.?\s|nr\.?\s)?[A-Z]{{0,3}}-?{_PLACE}")
COLONED_PLACE = _compiled(rf"\s?:\s?(?:[A-Z]{{1,12}}[ -]?){{0,2}}{_PLACE}")
CONTACT = _compiled(r"[\s:.=#]{0,4}[+(]{0,2}\d[\d\s()/.-]{1,22}\d")

BY = _compiled(r"\s(?:by|von|durch):?\s")

# What follows a name.
DATED = _compiled(rf"[\s,]{{0,2}}(?:(?:on|at|am|um|dated)\s)?(?:{_DATE}|{_TIME})(?:[\s,]{{1,2}}(?:at\s|um\s)?{_TIME})?")
BORN_BEHIND_A_NAME = _compiled(rf"[ \t,(*]{{1,4}}{_DATE}\)?")

AGE_BEHIND_A_NAME = re.compile(
    r"[\s,(-]{1,3}(?:\d{1,3}[\s-]?(?i:y|yo|y/o|yr|yrs|years?|jahre|jährige?[rs]?|male|female)(?!\w)"
    r"|\d{2}(?:[,\s/]{0,2}[MFW]|[mfw])(?![\w']))"
)
DIGITS = re.compile(r"\d{0,8}")

INITIALS_AT_THE_END = re.compile(r"[ ,.:/–-]{1,3}([^\W\d_]{2,3})(?=\s?(?:\n|$))")
USER = _compiled(r"\s?[:=]\s?(?:\w{1,20}\\)?(?=[a-z._-]{0,30}[a-z])[\w.-]{3,40}")

_SHAPES = [
    # DICOM's attributes of a patient, a physician or an operator
    _compiled(r"\((?:0010,[\da-f]{4}|0008,(?:0050|009\d|10[4-7]\d)|0032,1032)\)[^\[\n]{0,12}\[[^\]\n]{1,64}\]"),
    # an element of XML
    _compiled(
        r"<((?:patient|pat|pt|first|last|middle|family|given|full|physician|operator|technician|doctor|attending"
        r"|referring|reader|user|person|ordering|confirming|editor)\w{0,12}(?:name|id|dob|mrn|phone|address|initials)\w{0,6})>"
        r"[^<\n]{1,80}</\1>"
    ),
    _compiled(r"(?:https?://|www\.)[^\s<>\"]{1,300}"),
    # segments of HL7 that say who, where and for whom
    _compiled(r"(?<![^\n])[ \t]?(?:MSH|EVN|PID|PD1|NK1|PV1|PV2|IN1|IN2|IN3|GT1|ORC|OBR)\|[^\n]*"),
    _compiled(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,24}){1,4}"),  # e-mail
    re.compile(r"/s/\s?[^\n,;\t]{1,60}"),  # a typed signature
]
_DIGIT = re.compile(r"\d")
_SHAPES_WITH_DIGITS = [
    _compiled(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),  # US social security
    _compiled(r"\(\d{3,5}\)\s?\d{3}[ .-]?\d{3,4}|(?<![\d.-])\d{3}[.-]\d{3,4}[.-]\d{4}(?!\d)"),  # telephone
    _compiled(r"(?<![\d.,-])[2-9]\d{2}-\d{4}(?![\d-]|\s?(?:m|hz|bpm|/))"),
    _compiled(r"(?<![\d.,])0\d{2,4}[ -]\d{3,4}[ -]\d{3,5}(?!\d)"),
    _compiled(rf"(?<!\w){_DATE}\s?/\s?[a-z]{{2,3}}(?=\s?(?:\n|\Z))"),  # who typed it
    _compiled(r"(?<!\w)\+\d[\d ()/-]{6,18}\d|(?<![\d.,])0\d{2,5} ?[/-] ?\d{4,10}(?!\d)"),
    _compiled(r"(?<![\w.,])[A-Z]{0,3}-?\d{7,20}[A-Z]?(?!\w|[.,]\d)"),  # a long number
    _compiled(
        r"(?<!\w)(?:[^\W\d_]{2,20}[.-]{0,2}\s?(?=#)|[^\W\d_]{2,20}\.?-)?(?:#|n[or]\.|number|num\.|nr\.?)[\s:.#]{0,3}[A-Z]{0,3}-?\d[\d./-]{3,20}(?!\w)"
    ),
    _compiled(r"(?<!\w)[^\W\d_]{2,20}(?:nummer|nr)\b[\s:.#]{0,3}[A-Z]{0,3}-?\d[\d./-]{2,20}(?!\w)"),
    _compiled(rf"(?:\*|(?<!\w)b\.)\s?{_DATE}"),  # "* 12.11.1939", "b. 3/2/48"
    _compiled(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"),  # an address in a network
    _compiled(r"(?<![\w.])\d{1,9}(?:\.\d{1,12}){4,20}(?![\w.])"),  # a DICOM UID
    _compiled(r"(?<!\w)(?<!\d )(?:x|ext\.?)\s?\d{4,5}(?!\w)"),  # an extension
    _compiled(rf"{_DATE}(?=\s?\(\d{{1,3}}\s?(?:y|j))"),  # a date with an age behind it
]
_CARETS = re.compile(r"(?<!\w)(?:\d{1,12}\^)?([^\W\d_]{2,30})\^[\w'-]{0,30}(?:\^[\w'-]{0,30}){0,6}")
_TIMESTAMP = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?")


def shaped(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text holds identifiers that are known by their shape alone."""
    has_digits = _DIGIT.search(text) is not None
    for shape in [*_SHAPES, *_SHAPES_WITH_DIGITS] if has_digits else _SHAPES:
        for found in shape.finditer(text):
            if not _TIMESTAMP.fullmatch(found[0]):
                yield found.span()
    if has_digits:
        yield from addresses(text)
    for found in _CARETS.finditer(text):
        if not is_known(fold(found[1])):
            yield found.span()
