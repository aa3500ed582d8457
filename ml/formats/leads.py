"""Lead names as files write them, matched to the twelve leads. A name that is not known is never taken for a lead."""

import re
from typing import NamedTuple

from ml.formats.recording import LEADS

LONGEST_NAME = 40  # characters; a longer description names no lead

_NAME = re.compile(
    r"(?:(?:mdc_ecg_lead|ecg[ _]?lead|lead|ecg|ekg)(?![-−–])[ _]*+)?"  # in "Lead-I" the hyphen may be a minus or none
    r"([-−–]?)[ _]*+"  # a minus, in three writings: the lead is stored upside down
    r"(d?i{1,3}|a[ _]?v[ _]?[rlf]|[vc][ _]?[1-6])",
    re.ASCII | re.IGNORECASE,
)
_CANONICAL = {lead.lower(): lead for lead in LEADS}
_OTHER_NAMES = {"di": "I", "dii": "II", "diii": "III", **{f"c{number}": f"V{number}" for number in range(1, 7)}}


class Lead(NamedTuple):
    """One of the twelve leads, and the sign it is stored with: -1 for "-aVR" (Cabrera)."""

    name: str
    sign: int


def known_lead(name: str) -> Lead | None:
    """Return the lead that a name means ("aVR", "Lead I", "DII", "C1", "MDC_ECG_LEAD_V1", "-aVR"), or None.

    A name must be known as a whole. "V3R", "I-II", "aVR (inverted)" and "V4 (V4R)" are other leads, or unclear.
    """
    if len(name) > LONGEST_NAME or not (found := _NAME.fullmatch(name.strip())):
        return None
    plain = re.sub(r"[ _]", "", found[2]).lower()
    return Lead(_OTHER_NAMES.get(plain) or _CANONICAL[plain], -1 if found[1] else 1)
