"""Postal addresses that are known by their shape. Every repetition is bounded."""

import re
from collections.abc import Iterator

from ml.deidentify.words import is_known
from ml.labeling.tokens import fold

_STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY])"
)
_CITY = r"[A-Z][\w.'-]{1,20}(?: [A-Z][\w.'-]{1,20}){0,2}"
_REST = (
    rf"(?:,? (?:Apt|Suite|Unit|Ste|Floor|#)\.? ?\w{{1,6}})?(?:, {_CITY})?(?:,? {_STATE}\b)?(?: \d{{5}}(?:-\d{{4}})?\b)?"
)

# The first group of each is the word that must not be one of reports.
_SHAPES = [
    re.compile(
        r"(?<!\w)\d{1,5}[A-Za-z]?\s(?:[NSEW]\.? )?((?i:[a-z]{2,20}))(?:\s[A-Za-z][a-z]{1,20})?\s"
        r"(?:St|Rd|Ln|Dr|Ct|Way|Court|Place|(?i:street|avenue|ave|road|lane|drive|boulevard|blvd|square|terrace|parkway"
        rf"|highway))\b\.?{_REST}"
    ),
    re.compile(
        r"(?<!\w)([A-ZÄÖÜ][\wäöüß-]{1,30}(?:straße|strasse|str\.|allee|gasse|platz|weg|ring|damm|ufer|straat|laan|plein"
        r"|gatan|vägen|vej|gade)|(?i:[a-zäöüß-]{2,30}(?:straße|strasse|str\.|allee|gasse)))\s\d{1,4} ?[a-z]?(?!\w)"
        rf"(?:,? \d{{4,5}} {_CITY})?"
    ),
    re.compile(
        r"(?<!\w)(\d{1,4},? (?i:rue|avenue|boulevard|chemin|impasse|quai) [^\n;:,]{2,40})"
        r"(?:, \d{4,5} [^\n;:,.]{2,20})?(?=[.,;:\n]|\Z)"
        r"|(?<!\w)((?:Calle|Avenida|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua|ul\.|ulica) [^\n;:\d]{2,40}\d{1,4})(?!\w)"
    ),
    re.compile(r"(?<!\w)(?:D-|A-|CH-)?\d{5}\s([A-ZÄÖÜ](?:[a-zäöüß]{2,20}|[A-ZÄÖÜ]{3,20}))\b"),
    re.compile(rf"(?<!\w)(?:{_CITY}, ?)?({_STATE} \d{{5}})(?:-\d{{4}})?(?!\w)"),
    re.compile(rf"(?i:(?<!\w)((?:P\.?\s?O\.? ?)Box \d{{1,6}})){_REST}"),
]


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text holds streets, towns behind their codes, and post boxes."""
    for shape in _SHAPES:
        for found in shape.finditer(text):
            if not is_known(fold(found[1] or found[0])):
                yield found.span()
