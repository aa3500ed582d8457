"""GE MUSE XML (`RestingECG`, restecg.dtd), as MUSE 7 to 10 export it.

The format is known from public files and from programs that read them; there is no public standard. A file holds a
`Rhythm` waveform, which is read, and a `Median` beat, which is not. Eight leads are usual; the others follow from I and
II.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from decimal import Decimal
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import BadLead, Channel, Stored, units_in_a_millivolt
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, only_file
from ml.formats.leads import Lead, known_lead
from ml.formats.muse_facts import facts_of, readings_of
from ml.formats.recording import MAX_GAIN, MAX_RATE_HZ, MIN_GAIN, Reason, Recording, unreadable
from ml.formats.written import number
from ml.formats.xml_tree import parse, root_name, said, without_namespaces

ROOT = "RestingECG"

_SAMPLE_BYTES = 2
_LARGEST_EXPONENT = 6


def read_muse_xml(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a MUSE XML file holds. Raises `Unreadable` with every reason."""
    root = without_namespaces(parse(only_file(files, is_muse_xml, FORMAT.name)))
    return EcgFile(_recording(root), facts_of(root), readings_of(root))


def is_muse_xml(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a MUSE XML file."""
    return (root_name(head) or "").rpartition("}")[2] == ROOT


def _recording(root: Element) -> Recording:
    """Return the rhythm waveform, which its type tells, not its place."""
    rhythms = [each for each in root.findall("Waveform") if (said(each, "WaveformType") or "").lower() == "rhythm"]
    if len(rhythms) != 1:
        reason = f"exactly one waveform of the type Rhythm is needed, not {len(rhythms)}"
        raise unreadable("waveform_count", reason)
    [rhythm] = rhythms
    stored = Stored()
    starts = set()
    for data in rhythm.findall("LeadData"):
        lead = known_lead(said(data, "LeadID") or "")
        if lead is None:
            continue
        starts.add((number(said(data, "LeadOffsetFirstSample")) or 0, number(said(data, "LeadTimeOffset")) or 0))
        try:
            stored.add(lead.name, _channel(data, lead))
        except BadLead as error:
            stored.reasons.append(error.reason)
    if len(starts) > 1:
        stored.reasons.append(Reason("unequal_starts", "the leads begin at different times"))
    return stored.recording(_sampling_rate(rhythm))


def _sampling_rate(waveform: Element) -> float:
    base, exponent = number(said(waveform, "SampleBase")), number(said(waveform, "SampleExponent") or "0")
    if base is None or exponent is None or abs(exponent) > _LARGEST_EXPONENT or exponent % 1:
        raise unreadable("bad_rate", "the sampling rate (SampleBase, SampleExponent) is no number")
    rate = float(Decimal(str(base)).scaleb(int(exponent)))
    if not 0 < rate <= MAX_RATE_HZ:
        raise unreadable("bad_rate", f"the sampling rate must be above 0 and at most {MAX_RATE_HZ:,.0f} Hz")
    return rate


def _channel(data: Element, lead: Lead) -> Channel:
    """Return a lead: little-endian 16-bit integers in base64, of which each is `LeadAmplitudeUnitsPerBit` units."""
    for field, only in (("LeadSampleSize", _SAMPLE_BYTES), ("FirstSampleBaseline", 0)):
        if (given := said(data, field)) is not None and number(given) != only:
            raise BadLead("unsupported_lead", f"lead {lead.name}: a {field} other than {only} is not supported")
    return Channel.of(_samples(data, lead), _gain(data, lead), lead.sign)


def _samples(data: Element, lead: Lead) -> NDArray[np.int32]:
    try:
        content = base64.b64decode("".join((data.findtext("WaveFormData") or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadLead("bad_base64", f"lead {lead.name}: the samples are no base64") from error
    count = len(content) // _SAMPLE_BYTES
    lengths = (("LeadByteCountTotal", len(content)), ("LeadSampleCountTotal", count))
    wrong = [field for field, length in lengths if (given := said(data, field)) and number(given) != length]
    if not count or len(content) % _SAMPLE_BYTES or wrong:
        detail = f"lead {lead.name} holds {len(content):,} bytes"
        raise BadLead("wrong_length", detail + (f", which is not what {wrong[0]} says" if wrong else ""))
    checksum = number(said(data, "LeadDataCRC32"))
    if checksum and checksum != zlib.crc32(content):  # 0: the writer did not compute it
        raise BadLead("wrong_checksum", f"lead {lead.name}: the samples do not have the file's checksum")
    return np.frombuffer(content, "<i2").astype(np.int32)


def _gain(data: Element, lead: Lead) -> float:
    """Return ADC units per millivolt."""
    size, unit = number(said(data, "LeadAmplitudeUnitsPerBit")), said(data, "LeadAmplitudeUnits") or ""
    in_a_millivolt = units_in_a_millivolt(unit)
    if in_a_millivolt is None:
        raise BadLead("unknown_unit", f"lead {lead.name}: LeadAmplitudeUnits names no unit of voltage")
    if not size:
        raise BadLead("bad_gain", f"lead {lead.name}: LeadAmplitudeUnitsPerBit is no number other than 0")
    gain = float(in_a_millivolt / Decimal(str(size)))
    if not MIN_GAIN <= abs(gain) <= MAX_GAIN:
        raise BadLead("bad_gain", f"lead {lead.name}: LeadAmplitudeUnitsPerBit is too small or too large")
    return gain


FORMAT = Format(
    name="GE MUSE XML",
    main_ending=".xml",
    other_endings=(),
    recognises=is_muse_xml,
    names=lambda main: (),
    read=read_muse_xml,
    ending_decides=False,
    memory=12,
)
