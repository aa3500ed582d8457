"""HL7 annotated ECG (`AnnotatedECG`), after the aECG Implementation Guide of 21 March 2005.

The series of rhythm waveforms is read, never a derived series (the representative beat). Leads are lists of integers
with a scale and an origin.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ml.formats.aecg_facts import facts_of, readings_of
from ml.formats.channels import BadLead, Channel, Stored, units_in_a_millivolt
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, only_file
from ml.formats.leads import known_lead
from ml.formats.recording import MAX_GAIN, MAX_RATE_HZ, MIN_GAIN, Recording, unreadable
from ml.formats.written import number
from ml.formats.xml_tree import parse, root_name, without_namespaces

ROOT = "AnnotatedECG"

_SECONDS = {"s": Decimal(1), "ms": Decimal("1e-3"), "us": Decimal("1e-6")}
_DIGITS = re.compile(r"(?:[-+]?\d{1,9}\s++)*+(?:[-+]?\d{1,9})?", re.ASCII)
_ROUNDED = 1e-4  # increments are written with few digits: 0.0027778 s means 360 Hz


def read_aecg_xml(files: Mapping[str, bytes]) -> EcgFile:
    """Return what an annotated ECG holds. Raises `Unreadable` with every reason."""
    root = without_namespaces(parse(only_file(files, is_aecg_xml, FORMAT.name)))
    series = [each for each in root.findall("component/series") if _code(each) == "RHYTHM"]
    if len(series) != 1:
        raise unreadable("waveform_count", f"exactly one series of rhythm waveforms is needed, not {len(series)}")
    return EcgFile(_recording(series[0]), facts_of(root, series[0]), readings_of(series[0]))


def is_aecg_xml(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of an annotated ECG."""
    return (root_name(head) or "").rpartition("}")[2] == ROOT


def _recording(series: Element) -> Recording:
    sets = series.findall("component/sequenceSet")
    if len(sets) != 1:
        raise unreadable("unsupported_sets", f"leads in one set of sequences are read, not in {len(sets)}")
    stored = Stored()
    rates = set()
    for sequence in sets[0].findall("component/sequence"):
        code = _code(sequence)
        if code.startswith("TIME_"):
            rates.add(_rate(sequence))
        elif lead := known_lead(code):
            try:
                samples, gain = _samples(sequence, lead.name)
            except BadLead as error:
                stored.reasons.append(error.reason)
                continue
            stored.add(lead.name, Channel.of(samples, gain, lead.sign))
    if len(rates) != 1:
        raise unreadable("bad_rate", f"sequences of times with one sampling rate are needed, not with {len(rates)}")
    return stored.recording(rates.pop())


def _rate(sequence: Element) -> float:
    """Return the sampling rate in Hz, from the increment of a sequence of times."""
    increment = sequence.find("value/increment")
    size = number(increment.get("value")) if increment is not None else None
    unit = _SECONDS.get((increment.get("unit") or "").lower()) if increment is not None else None
    if not size or size < 0 or unit is None:
        raise unreadable("bad_rate", "the increment of the times is no number of s, ms or us")
    rate = float(1 / (Decimal(str(size)) * unit))
    if rate > MAX_RATE_HZ:
        raise unreadable("bad_rate", f"the sampling rate must be at most {MAX_RATE_HZ:,.0f} Hz")
    return float(round(rate)) if round(rate) and abs(rate / round(rate) - 1) < _ROUNDED else rate


def _samples(sequence: Element, lead: str) -> tuple[NDArray[np.int32], float]:
    """Return a lead's samples with the origin added, (n,) int32, and ADC units per millivolt."""
    scale, origin = sequence.find("value/scale"), sequence.find("value/origin")
    size, start = _quantity(scale, lead), _quantity(origin, lead) if origin is not None else Decimal(0)
    if not size or not MIN_GAIN <= abs(1 / size) <= MAX_GAIN:
        raise BadLead("bad_gain", f"lead {lead}: the scale is no number that can be used")
    offset = start / size
    if offset % 1 or abs(offset) > 2**30:
        raise BadLead("unsupported_origin", f"lead {lead}: the origin is no whole number of scales")
    text = sequence.findtext("value/digits") or ""
    if not _DIGITS.fullmatch(text.strip()):
        raise BadLead("bad_digits", f"lead {lead}: the digits are no integers of at most 9 digits")
    samples = np.fromstring(text, np.int64, sep=" ") + int(offset)
    if not samples.size:
        raise BadLead("wrong_length", f"lead {lead} holds no samples")
    return samples.astype(np.int32), float(1 / size)


def _quantity(element: Element | None, lead: str) -> Decimal:
    """Return an amplitude in mV."""
    value = number(element.get("value")) if element is not None else None
    unit = units_in_a_millivolt(element.get("unit") or "") if element is not None else None
    if value is None or unit is None:
        raise BadLead("unknown_unit", f"lead {lead}: scale and origin must be numbers of V, mV, uV or nV")
    return Decimal(str(value)) / unit


def _code(element: Element) -> str:
    code = element.find("code")
    return (code.get("code") or "") if code is not None else ""


FORMAT = Format(
    name="HL7 aECG",
    main_ending=".xml",
    other_endings=(),
    recognises=is_aecg_xml,
    names=lambda main: (),
    read=read_aecg_xml,
    ending_decides=False,
    memory=12,
)
