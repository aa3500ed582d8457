"""DICOM ECG waveforms: the 12-lead and the general ECG object (PS3.3 A.34.3, A.34.4, C.10.9).

Lengths are compared before anything is allocated, and each channel is scaled by sensitivity, correction factor and
baseline; pydicom's own scaling keeps to one way of writing them.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import Channel, Stored, units_in_a_millivolt
from ml.formats.dicom_elements import BadDicom, Item, Tag, UnknownSyntax, parse
from ml.formats.dicom_facts import facts_of, readings_of
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, only_file
from ml.formats.leads import Lead, known_lead
from ml.formats.recording import (
    MAX_GAIN,
    MAX_RATE_HZ,
    MAX_SAMPLES,
    MIN_GAIN,
    MISSING,
    Recording,
    unreadable,
)

MAX_DICOM_BYTES = 2**26  # 64 MiB: three hours of twelve leads at 250 Hz
MAX_CHANNELS = 24

_MARK = slice(128, 132)
_TYPES: dict[tuple[int, str], np.dtype[Any]] = {(16, "SS"): np.dtype("<i2"), (32, "SL"): np.dtype("<i4")}
_DECIMAL = re.compile(r"[-+]?(?:\d{1,16}(?:\.\d{0,16})?|\.\d{1,16})(?:[eE][-+]?\d{1,3})?", re.ASCII)
_AVERAGES = ("median", "average", "mean", "representative")
_LEADS_OF_CODES = {
    (scheme, f"{prefix}{number}"): lead
    for scheme, prefix in (("SCPECG", "5.6.3-9-"), ("MDC", "2:"))  # EN 1064; ISO 11073-10101 (PS3.16, CID 3001)
    for number, lead in [
        *((1, "I"), (2, "II"), (61, "III"), (62, "aVR"), (63, "aVL"), (64, "aVF")),
        *((number + 2, f"V{number}") for number in range(1, 7)),
        *((65, "-aVR"), (111, "III"), (112, "aVR"), (113, "aVL"), (114, "aVF")),  # derived from two limb leads
    ]
}


class _Group(NamedTuple):
    """A multiplex group: its samples, (channels, samples), and what must be equal where several groups are one ECG."""

    channels: Sequence[Item]
    rows: NDArray[np.signedinteger[Any]]
    padding: int | None
    rate_hz: float
    starts_ms: float


def read_dicom(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a DICOM ECG holds. Raises `Unreadable`."""
    content = only_file(files, is_dicom, FORMAT.name)
    if len(content) > MAX_DICOM_BYTES:
        raise unreadable("too_large", f"a DICOM file may have {MAX_DICOM_BYTES:,} bytes")
    try:
        file = parse(content)
        return EcgFile(_recording(file), facts_of(file), readings_of(file))
    except UnknownSyntax as error:
        detail = "DICOM files are read in little-endian syntaxes without compression"
        raise unreadable("unsupported_syntax", detail) from error
    except BadDicom as error:
        raise unreadable("bad_dicom", f"the DICOM file is damaged: {error}") from error


def is_dicom(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a DICOM file."""
    return head[_MARK] == b"DICM"


def _recording(file: Item) -> Recording:
    """Return the original waveform. Derived ones, and averaged beats, are left out by what they say of themselves."""
    groups = [_group(each) for each in file.items(Tag.WAVEFORMS) if _is_rhythm(each)]
    if not groups:
        raise unreadable("waveform_count", "the DICOM file holds no original ECG waveform")
    if len({(group.rate_hz, group.starts_ms, group.rows.shape[1]) for group in groups}) > 1:
        raise unreadable("unequal_starts", "the groups of channels differ in time, length or sampling rate")
    stored = Stored()
    for group in groups:
        for place, channel in enumerate(group.channels):
            if lead := _lead(channel):
                stored.add(lead.name, _channel(channel, group, place, lead))
    return stored.recording(groups[0].rate_hz)


def _is_rhythm(group: Item) -> bool:
    label = group.text(Tag.GROUP_LABEL).lower()
    return group.text(Tag.ORIGINALITY) == "ORIGINAL" and not any(word in label for word in _AVERAGES)


def _group(group: Item) -> _Group:
    channels = group.items(Tag.CHANNELS)
    width, samples = group.integer(Tag.CHANNEL_COUNT) or 0, group.integer(Tag.SAMPLE_COUNT) or 0
    kind = _TYPES.get((group.integer(Tag.BITS_ALLOCATED) or 0, group.text(Tag.INTERPRETATION)))
    rate, starts_ms = _decimal(group, Tag.RATE, None), _decimal(group, Tag.GROUP_OFFSET_MS, "0")
    if kind is None:
        raise unreadable("unsupported_encoding", "samples are read as signed integers of 16 or 32 bits")
    if rate is None or not 0 < rate <= Decimal(MAX_RATE_HZ):
        raise unreadable("bad_rate", f"the sampling rate must be above 0 and at most {MAX_RATE_HZ:,.0f} Hz")
    if not 0 < width <= MAX_CHANNELS or width != len(channels) or starts_ms is None:
        raise unreadable("bad_header", "the number of channels is not that of their definitions")
    content = group.raw(Tag.SAMPLES)
    wanted = width * samples * kind.itemsize
    if not 0 < samples <= MAX_SAMPLES or not wanted <= len(content) <= wanted + 1:  # a value has an even length
        raise unreadable("wrong_length", f"the waveform holds {len(content):,} bytes, not {wanted:,}")
    mark = group.raw(Tag.PADDING)[: kind.itemsize]
    return _Group(
        channels=channels,
        rows=np.ascontiguousarray(np.frombuffer(content, kind, width * samples).reshape(samples, width).T),
        padding=int(np.frombuffer(mark, kind)[0]) if len(mark) == kind.itemsize else None,
        rate_hz=float(rate),
        starts_ms=float(starts_ms),
    )


def _lead(channel: Item) -> Lead | None:
    """Return the lead that a channel's source names, by its code or else by the meaning of the code."""
    for source in channel.items(Tag.CHANNEL_SOURCE):
        if name := _LEADS_OF_CODES.get((source.text(Tag.SCHEME), source.text(Tag.CODE))):
            return known_lead(name)
        if lead := known_lead(source.text(Tag.MEANING)):
            return lead
    return None


def _channel(channel: Item, group: _Group, place: int, lead: Lead) -> Channel:
    """Return a lead: (sample · sensitivity · correction factor) + baseline, in the units of the sensitivity."""
    if any(_decimal(channel, skew, "0") != 0 for skew in (Tag.SAMPLE_SKEW, Tag.TIME_SKEW)):
        raise unreadable("unsupported_skew", f"lead {lead.name} is sampled at other times than the rest")
    in_a_millivolt = units_in_a_millivolt(channel.first(Tag.SENSITIVITY_UNITS).text(Tag.CODE))
    if in_a_millivolt is None:
        raise unreadable("unknown_unit", f"lead {lead.name}: the unit is not V, mV, uV or nV")
    sensitivity, correction = _decimal(channel, Tag.SENSITIVITY, None), _decimal(channel, Tag.CORRECTION, "1")
    size = sensitivity * correction if sensitivity and correction else Decimal(0)
    if not size or not MIN_GAIN <= abs(in_a_millivolt / size) <= MAX_GAIN:
        raise unreadable("bad_gain", f"lead {lead.name}: the sensitivity is no number that can be used")
    written = _decimal(channel, Tag.BASELINE, "0")
    baseline = None if written is None else written / size
    if baseline is None or abs(baseline) > 2**30 or baseline % 1:
        raise unreadable("unsupported_baseline", f"lead {lead.name}: the baseline is no whole number of steps")
    column = group.rows[place].astype(np.int64)
    samples = np.where(column == group.padding, MISSING, column + int(baseline))
    if samples.max() > np.iinfo(np.int32).max or samples.min() < np.iinfo(np.int32).min:
        raise unreadable("bad_gain", f"lead {lead.name}: a sample is too large")
    return Channel.of(samples.astype(np.int32), float(in_a_millivolt / size), lead.sign)


def _decimal(item: Item, tag: int, usual: str | None) -> Decimal | None:
    """Return a decimal string as a number; the usual one where there is none, None where it is no number."""
    text = item.text(tag) or usual
    return Decimal(text) if text is not None and _DECIMAL.fullmatch(text) else None


FORMAT = Format(
    name="DICOM ECG",
    main_ending=".dcm",
    other_endings=(),
    recognises=is_dicom,
    names=lambda main: (),
    read=read_dicom,
    ending_decides=False,
    memory=16,
)
