"""DICOM ECG waveforms: the 12-lead and the general ECG object (PS3.3 A.34.3, A.34.4, C.10.9).

pydicom takes the file apart. It does not check what a waveform says of itself, and its scaling keeps to one way of
writing it; here lengths are compared first, and each channel is scaled by sensitivity, correction factor and baseline.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import Channel, Stored, units_in_a_millivolt
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
    Unreadable,
    unreadable,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_DICOM_BYTES = 2**21  # 2 MiB: 80 seconds of twelve leads at 1 kHz; pydicom takes a second for as many elements
MAX_ITEMS = 20_000  # of sequences; ten seconds have some hundreds
MAX_CHANNELS = 24

_MARK = slice(128, 132)
_ITEM = b"\xfe\xff\x00\xe0"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_READ_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")  # little-endian, implicit and explicit
_TYPES: dict[tuple[int, str], np.dtype[Any]] = {(16, "SS"): np.dtype("<i2"), (32, "SL"): np.dtype("<i4")}
_AVERAGES = ("median", "average", "mean", "representative")
_LEADS_OF_CODES = {
    (scheme, f"{prefix}{number}"): lead
    for scheme, prefix in (("SCPECG", "5.6.3-9-"), ("MDC", "2:"))  # EN 1064; ISO 11073-10101 (PS3.16, CID 3001)
    for number, lead in [
        *((1, "I"), (2, "II"), (61, "III"), (62, "aVR"), (63, "aVL"), (64, "aVF")),
        *((number + 2, f"V{number}") for number in range(1, 7)),
    ]
}


class _Group(NamedTuple):
    """A multiplex group: its samples, (samples, channels), and what must be equal where several groups are one ECG."""

    channels: "Sequence[Dataset]"
    frames: NDArray[np.signedinteger[Any]]
    padding: int | None
    rate_hz: float
    starts_ms: float


def read_dicom(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a DICOM ECG holds. Raises `Unreadable`."""
    content = only_file(files, is_dicom, FORMAT.name)
    if len(content) > MAX_DICOM_BYTES:
        raise unreadable("too_large", f"a DICOM file may have {MAX_DICOM_BYTES:,} bytes")
    if content.count(_ITEM) > MAX_ITEMS:
        raise unreadable("too_large", f"a DICOM file may have {MAX_ITEMS:,} items of sequences")
    if _DEFLATED in content:  # before anything inflates it
        raise unreadable("unsupported_syntax", "compressed DICOM files are not supported")
    try:
        return _read(content)
    except Unreadable:
        raise
    except Exception as error:  # pydicom raises all kinds where a file is damaged
        raise unreadable("bad_dicom", f"the DICOM file is damaged ({type(error).__name__})") from error


def is_dicom(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a DICOM file."""
    return head[_MARK] == b"DICM"


@cache
def _pydicom() -> Any:
    """Load the library, and keep it from warning and logging: it quotes values of the file."""
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return pydicom


def _read(content: bytes) -> EcgFile:
    dataset = _pydicom().dcmread(BytesIO(content))
    if dataset.file_meta.get("TransferSyntaxUID") not in _READ_SYNTAXES:
        raise unreadable("unsupported_syntax", "DICOM files are read in little-endian syntaxes without compression")
    return EcgFile(_recording(dataset), facts_of(dataset), readings_of(dataset))


def _recording(dataset: "Dataset") -> Recording:
    """Return the original waveform. Derived ones, and averaged beats, are left out by what they say of themselves."""
    groups = [_group(each) for each in dataset.get("WaveformSequence") or () if _is_rhythm(each)]
    if not groups:
        raise unreadable("waveform_count", "the DICOM file holds no original ECG waveform")
    if len({(group.rate_hz, group.starts_ms, len(group.frames)) for group in groups}) > 1:
        raise unreadable("unequal_starts", "the groups of channels differ in time, length or sampling rate")
    stored = Stored()
    for group in groups:
        for place, channel in enumerate(group.channels):
            if lead := _lead(channel):
                stored.add(lead.name, _channel(channel, group, place, lead))
    return stored.recording(groups[0].rate_hz)


def _is_rhythm(group: "Dataset") -> bool:
    label = str(group.get("MultiplexGroupLabel") or "").lower()
    return group.get("WaveformOriginality") == "ORIGINAL" and not any(word in label for word in _AVERAGES)


def _group(group: "Dataset") -> _Group:
    channels = list(group.get("ChannelDefinitionSequence") or ())
    width, samples = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    kind = _TYPES.get((int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation)))
    rate = float(group.SamplingFrequency)
    if kind is None:
        raise unreadable("unsupported_encoding", "samples are read as signed integers of 16 or 32 bits")
    if not 0 < rate <= MAX_RATE_HZ:
        raise unreadable("bad_rate", f"the sampling rate must be above 0 and at most {MAX_RATE_HZ:,.0f} Hz")
    if not 0 < width <= MAX_CHANNELS or width != len(channels):
        raise unreadable("bad_header", "the number of channels is not that of their definitions")
    content = bytes(group.WaveformData)
    wanted = width * samples * kind.itemsize
    if not 0 < samples <= MAX_SAMPLES or not wanted <= len(content) <= wanted + 1:  # a value has an even length
        raise unreadable("wrong_length", f"the waveform holds {len(content):,} bytes, not {wanted:,}")
    padding = group.get("WaveformPaddingValue")
    mark = bytes(padding)[: kind.itemsize] if padding is not None else b""
    return _Group(
        channels=channels,
        frames=np.frombuffer(content, kind, width * samples).reshape(samples, width),
        padding=int(np.frombuffer(mark, kind)[0]) if len(mark) == kind.itemsize else None,
        rate_hz=rate,
        starts_ms=float(group.get("MultiplexGroupTimeOffset") or 0),
    )


def _lead(channel: "Dataset") -> Lead | None:
    """Return the lead that a channel's source names, by its code or else by the meaning of the code."""
    for source in channel.get("ChannelSourceSequence") or ():
        code = str(source.get("CodingSchemeDesignator") or ""), str(source.get("CodeValue") or "")
        if name := _LEADS_OF_CODES.get(code):
            return Lead(name, 1)
        if lead := known_lead(str(source.get("CodeMeaning") or "")):
            return lead
    return None


def _channel(channel: "Dataset", group: _Group, place: int, lead: Lead) -> Channel:
    """Return a lead: (sample · sensitivity · correction factor) + baseline, in the units of the sensitivity."""
    if any(float(channel.get(skew) or 0) for skew in ("ChannelSampleSkew", "ChannelTimeSkew")):
        raise unreadable("unsupported_skew", f"lead {lead.name} is sampled at other times than the rest")
    [unit, *_] = channel.ChannelSensitivityUnitsSequence
    in_a_millivolt = units_in_a_millivolt(str(unit.get("CodeValue") or ""))
    if in_a_millivolt is None:
        raise unreadable("unknown_unit", f"lead {lead.name}: the unit is not V, mV, uV or nV")
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    size = Decimal(str(channel.ChannelSensitivity)) * Decimal(str(1 if correction is None else correction))
    if not size.is_finite() or not size or not MIN_GAIN <= abs(in_a_millivolt / size) <= MAX_GAIN:
        raise unreadable("bad_gain", f"lead {lead.name}: the sensitivity is no number that can be used")
    baseline = Decimal(str(channel.get("ChannelBaseline") or 0)) / size
    if not baseline.is_finite() or baseline % 1 or abs(baseline) > 2**30:
        raise unreadable("unsupported_baseline", f"lead {lead.name}: the baseline is no whole number of steps")
    column = group.frames[:, place].astype(np.int64)
    samples = np.where(column == group.padding, MISSING, column + int(baseline))
    if samples.max() > np.iinfo(np.int32).max or samples.min() < np.iinfo(np.int32).min:
        raise unreadable("bad_gain", f"lead {lead.name}: a sample is too large")
    return Channel.of(samples.astype(np.int32), float(in_a_millivolt / size), lead.sign)


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
