"""Philips XML of resting ECGs (`restingecgdata`: SierraECG 1.03, PhilipsECG 1.04, 1.04.01 and 1.04.02).

Written after its XML schema, which sierra-ecg-tools publishes, and real files. The parsed waveform is read, never the
representative beats. Cardiographs append a calibration pulse and zeros, which are cut.
"""

import base64
import binascii
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import Channel, Stored
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, only_file
from ml.formats.leads import known_lead
from ml.formats.recording import LEADS, MAX_GAIN, MAX_RATE_HZ, MIN_GAIN, Recording, unreadable
from ml.formats.sierra_facts import facts_of, readings_of
from ml.formats.written import number
from ml.formats.xli import BadXli, decompress, with_limb_leads
from ml.formats.xml_tree import parse, root_name, said, without_namespaces

ROOT = "restingecgdata"
VERSIONS = ("1.03", "1.04", "1.04.01", "1.04.02")
MIN_SAMPLES, MAX_SAMPLES = 3, 120_000  # of a lead: two minutes at 1 kHz
MAX_LEADS = 24
EXPANSION = 8  # a file has at least this many bytes for each sample of a lead; real ones have 10 to 45

_LIMB = LEADS[:6]
_SHORTEST_TAIL_S = 0.1


class _Layout(NamedTuple):
    """How the waveform is stored; `resolution` is in µV."""

    labels: tuple[str, ...]
    samples: int
    rate_hz: float
    resolution: Decimal
    offset: int
    compression: str


def read_sierra_xml(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a Philips XML file holds. Raises `Unreadable`."""
    content = only_file(files, is_sierra_xml, FORMAT.name)
    root = without_namespaces(parse(content))
    if said(root, "documentinfo/documentversion") not in VERSIONS:
        raise unreadable("unsupported_version", f"Philips XML is read in the versions {', '.join(VERSIONS)}")
    return EcgFile(_recording(root, len(content)), facts_of(root), readings_of(root))


def is_sierra_xml(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a Philips XML file."""
    return (root_name(head) or "").rpartition("}")[2] == ROOT


def _recording(root: Element, size: int) -> Recording:
    waveforms = root.findall("waveforms/parsedwaveforms")
    if len(waveforms) != 1:
        raise unreadable("waveform_count", f"exactly one parsed waveform is needed, not {len(waveforms)}")
    layout = _layout(root, waveforms[0])
    if layout.samples * EXPANSION > size:
        raise unreadable("too_long", "the file is too small for the duration that it says")
    rows = _rows(waveforms[0], layout)
    kept = layout.samples - _tail(rows, layout.rate_hz)
    stored = Stored()
    for label, row in zip(layout.labels, rows, strict=True):
        if lead := known_lead(label):
            gain = float(1000 / layout.resolution)
            stored.add(lead.name, Channel.of(row[:kept] - np.int32(layout.offset), gain, lead.sign))
    return stored.recording(layout.rate_hz)


def _layout(root: Element, waveform: Element) -> _Layout:
    """Return the layout, which version 1.04 has in attributes of the waveform and 1.03 elsewhere."""
    signal = root.find("dataacquisition/signalcharacteristics")
    rate = number(waveform.get("samplespersecond") or said(signal, "samplingrate"))
    resolution = number(waveform.get("resolution") or said(signal, "signalresolution") or said(signal, "resolution"))
    milliseconds = number(waveform.get("durationperchannel"))
    offset = number(waveform.get("signaloffset") or said(signal, "signaloffset") or "0")
    bits = waveform.get("bitspersample") or waveform.get("nbitspersample") or said(signal, "bitspersample")
    signed = (waveform.get("signalsigned") or said(signal, "signalsigned") or "").lower()
    if waveform.get("dataencoding") != "Base64" or bits != "16" or signed != "true":
        raise unreadable("unsupported_encoding", "only signed samples of 16 bits in Base64 are supported")
    if rate is None or not 0 < rate <= MAX_RATE_HZ:
        raise unreadable("bad_rate", f"the sampling rate must be above 0 and at most {MAX_RATE_HZ:,.0f} Hz")
    if not resolution or not MIN_GAIN <= 1000 / resolution <= MAX_GAIN:
        raise unreadable("bad_gain", "the resolution in µV is no number that can be used")
    if milliseconds is None or offset is None or offset % 1 or abs(offset) > np.iinfo(np.int16).max:
        raise unreadable("bad_header", "the duration or the offset of the waveform is no number that can be used")
    samples = round(milliseconds * rate / 1000)
    if not MIN_SAMPLES <= samples <= MAX_SAMPLES:
        raise unreadable("bad_length", f"a lead may have {MIN_SAMPLES} to {MAX_SAMPLES:,} samples")
    return _Layout(
        labels=_labels(signal, waveform),
        samples=samples,
        rate_hz=rate,
        resolution=Decimal(str(resolution)),
        offset=int(offset),
        compression=waveform.get("compression") or waveform.get("compressmethod") or "",
    )


def _labels(signal: Element | None, waveform: Element) -> tuple[str, ...]:
    """Return the names of the stored leads. Version 1.03 has none for the twelve leads in their usual order."""
    if (labels := waveform.get("leadlabels")) is not None:
        count = number(waveform.get("numberofleads"))
        named = tuple(labels.split())
        if not 0 < len(named) <= MAX_LEADS or count != len(named):
            raise unreadable("bad_header", "the number of leads is not that of their labels")
        return named
    standard = said(signal, "leadset") == "STD-12" or said(signal, "acquisitiontype") in ("STD-12", "10-WIRE")
    if not standard or said(signal, "numberchannelsallocated") != str(len(LEADS)):
        raise unreadable("unsupported_leads", "leads without names are read in the set STD-12 alone")
    return LEADS


def _rows(waveform: Element, layout: _Layout) -> list[NDArray[np.int32]]:
    """Return the stored leads, in the order of their labels."""
    try:
        content = base64.b64decode("".join((waveform.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise unreadable("bad_base64", "the waveform is no Base64") from error
    if layout.compression in ("", "Uncompressed"):
        wanted = len(layout.labels) * layout.samples
        if len(content) != 2 * wanted:
            raise unreadable("wrong_length", f"the waveform holds {len(content):,} bytes, not {2 * wanted:,}")
        return list(np.frombuffer(content, "<i2").reshape(-1, layout.samples).astype(np.int32))
    if layout.compression != "XLI":
        raise unreadable("unsupported_compression", "waveforms are read uncompressed or in XLI")
    if tuple(layout.labels[:6]) != _LIMB:
        raise unreadable("unsupported_leads", "a waveform in XLI must begin with the six limb leads")
    try:
        rows = decompress(content, len(layout.labels), layout.samples)
    except BadXli as error:
        raise unreadable("bad_compression", f"the waveform is no XLI: {error}") from error
    return [*with_limb_leads(rows[:6]), *rows[6:]]


def _tail(rows: list[NDArray[np.int32]], rate_hz: float) -> int:
    """Return how many samples at the end are no ECG: calibration, where all leads show the same pulse, and filling.

    No ECG is the same in all leads for long, because lead III is the difference of II and I.
    """
    together = np.stack(rows[: len(LEADS)])
    differs = np.flatnonzero((together != together[0]).any(axis=0))
    tail = together.shape[1] - int(differs[-1]) - 1 if differs.size else 0
    return tail if tail >= _SHORTEST_TAIL_S * rate_hz else 0


FORMAT = Format(
    name="Philips XML",
    main_ending=".xml",
    other_endings=(),
    recognises=is_sierra_xml,
    names=lambda main: (),
    read=read_sierra_xml,
    ending_decides=False,
    memory=20,
)
