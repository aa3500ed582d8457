"""WFDB headers and format 16 from bytes, strictly (header(5) and signal(5) of the WFDB manual).

The `wfdb` library reads from paths, checks no checksum, refuses record names with a dot and believes a header's
length; here lengths are checked against the bytes in hand before anything is allocated, checksums are verified,
and a file named in a header is only looked up among the files given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.formats.leads import canonical_lead, canonical_order
from ml.formats.recording import LEADS, MISSING, Reason, Recording, Unreadable

MAX_HEADER_BYTES = 65_536
MAX_SIGNALS = 64
MAX_SAMPLES = 24 * 3600 * 1000  # a day at 1 kHz
MAX_RATE_HZ = 100_000.0

_DEFAULT_GAIN = 200.0  # ADC units per physical unit where a header gives none (header(5))
_NOT_RECORDED = -32_768  # format 16's mark for a missing sample

_MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6}

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_GAIN = re.compile(rf"({_NUMBER})(?:\((-?\d+)\))?(?:/(\S+))?")
_RATE = re.compile(rf"({_NUMBER})(?:/\S+)?")


@dataclass(frozen=True)
class _Signal:
    """One signal line."""

    file: str
    offset: int
    gain_per_mv: float
    baseline: int
    initial: int | None
    checksum: int | None
    lead: str | None


@dataclass(frozen=True)
class _Header:
    sampling_rate_hz: float
    samples: int | None
    signals: list[_Signal]


class _Bad(ValueError):
    """A line that cannot be understood; carries the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = Reason(code, detail)


def read_wfdb(files: Mapping[str, bytes]) -> Recording:
    """Read a WFDB record from the bytes of its files.

    Parameters
    ----------
    files
        The header (`.hea`) and the signal files it names (`.dat`, or `.mat` read by its byte offset).

    Raises
    ------
    Unreadable
        With every reason: header, missing files, lengths, checksums, leads.
    """
    headers = [name for name in files if name.lower().endswith(".hea")]
    if len(headers) != 1:
        raise Unreadable([Reason("header_count", f"exactly one .hea file is needed, not {len(headers)}")])
    try:
        header = _parse_header(files[headers[0]])
    except _Bad as error:
        raise Unreadable([error.reason]) from error

    reasons: list[Reason] = []
    stored: dict[str, NDArray[np.int32]] = {}
    gain: dict[str, float] = {}
    for name in dict.fromkeys(signal.file for signal in header.signals):
        signals = [signal for signal in header.signals if signal.file == name]
        try:
            frames = _read_frames(name, signals, header.samples, files)
        except _Bad as error:
            reasons.append(error.reason)
            continue
        for column, signal in zip(frames.T, signals, strict=True):
            reasons += _verify(signal, column)
            if signal.lead is not None:
                if signal.lead in stored:
                    reasons.append(Reason("duplicate_lead", f"lead {signal.lead} is there twice"))
                stored[signal.lead] = _without_baseline(column, signal.baseline)
                gain[signal.lead] = signal.gain_per_mv
    if len({len(lead) for lead in stored.values()}) > 1:
        reasons.append(Reason("unequal_lengths", "the signal files are not of one length"))
    if reasons:
        raise Unreadable(reasons)
    samples, gains = canonical_order(stored, gain)
    return Recording(samples, gains, header.sampling_rate_hz)


def _parse_header(content: bytes) -> _Header:
    if len(content) > MAX_HEADER_BYTES:
        raise _Bad("header_too_large", f"the header is larger than {MAX_HEADER_BYTES} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise _Bad("empty_header", "the header is empty")
    record = lines[0].split()
    if "/" in record[0]:
        raise _Bad("unsupported_format", "multi-segment records are not read; send each segment by itself")
    if len(record) < 3:
        raise _Bad("bad_header", "the record line needs a name, the number of signals and a sampling rate")
    count = _integer(record[1], "number of signals")
    if not 1 <= count <= MAX_SIGNALS:
        raise _Bad("bad_header", f"the number of signals must be 1 to {MAX_SIGNALS}")
    rate = _RATE.fullmatch(record[2])
    if rate is None or not 0 < float(rate[1]) <= MAX_RATE_HZ:
        raise _Bad("bad_header", "the sampling rate is no number a recording can have")
    samples = _integer(record[3], "number of samples") if len(record) > 3 else 0
    if not 0 <= samples <= MAX_SAMPLES:
        raise _Bad("too_long", f"the header says {samples} samples; at most {MAX_SAMPLES} are read")
    if len(lines) - 1 < count:
        raise _Bad("bad_header", f"the header says {count} signals and describes {len(lines) - 1}")
    signals = [_parse_signal(line) for line in lines[1 : count + 1]]
    return _Header(float(rate[1]), samples or None, signals)


def _parse_signal(line: str) -> _Signal:
    fields = line.split(maxsplit=8)
    if len(fields) < 2:
        raise _Bad("bad_header", "a signal line needs a file name and a format")
    layout = _FORMAT.fullmatch(fields[1])
    if layout is None:
        raise _Bad("bad_header", "a signal line's format is no WFDB format")
    number, per_frame, skew, offset = layout.groups()
    if number != "16" or per_frame not in (None, "1") or skew not in (None, "0"):
        raise _Bad("unsupported_format", f"WFDB format {fields[1]} is not read; format 16 is")
    gain, baseline, unit = _parse_gain(fields[2] if len(fields) > 2 else "0")
    zero = _integer(fields[4], "ADC zero") if len(fields) > 4 else 0
    description = fields[8] if len(fields) > 8 else ""
    return _Signal(
        file=fields[0],
        offset=int(offset or 0),
        gain_per_mv=gain / unit,
        baseline=zero if baseline is None else baseline,
        initial=_integer(fields[5], "initial value") if len(fields) > 5 else None,
        checksum=_integer(fields[6], "checksum") if len(fields) > 6 else None,
        lead=canonical_lead(description),
    )


def _parse_gain(field: str) -> tuple[float, int | None, float]:
    """Give ADC units per unit, the baseline where it is said, and the unit in mV."""
    found = _GAIN.fullmatch(field)
    if found is None:
        raise _Bad("bad_header", "a signal line's gain is no WFDB gain")
    unit = _MILLIVOLTS.get((found[3] or "mV").lower())
    if unit is None:
        raise _Bad("unknown_unit", "a signal's unit is not one of V, mV, uV, nV")
    gain = float(found[1]) or _DEFAULT_GAIN
    if not 0 < gain < 1e12:
        raise _Bad("bad_header", "a signal's gain is not one a recording can have")
    baseline = int(found[2]) if found[2] is not None and len(found[2]) < 12 else None
    return gain, baseline, unit


def _integer(field: str, what: str) -> int:
    if not re.fullmatch(r"[-+]?\d{1,12}", field):
        raise _Bad("bad_header", f"the {what} is not an integer")
    return int(field)


def _read_frames(
    name: str, signals: list[_Signal], samples: int | None, files: Mapping[str, bytes]
) -> NDArray[np.int16]:
    """Give the file's samples, (n, signals), int16."""
    content = files.get(name)
    if content is None:
        raise _Bad("missing_file", "a signal file that the header names was not sent")
    offset = signals[0].offset
    available, rest = divmod(max(0, len(content) - offset), 2 * len(signals))
    if samples is None and rest:
        raise _Bad("wrong_length", "a signal file ends within a frame")
    wanted = available if samples is None else samples
    if available < wanted:
        raise _Bad("wrong_length", f"the header says {wanted} samples a lead, the signal file holds {available}")
    if wanted == 0:
        raise _Bad("wrong_length", "a signal file holds no samples")
    if samples is not None and (available > wanted or rest):
        raise _Bad("wrong_length", f"the signal file holds more than the {wanted} samples a lead the header says")
    return np.frombuffer(content, "<i2", wanted * len(signals), offset).reshape(wanted, len(signals))


def _verify(signal: _Signal, column: NDArray[np.int16]) -> list[Reason]:
    reasons = []
    name = signal.lead or "an unnamed signal"
    if signal.checksum is not None:
        # the sum modulo 2**16; headers write it signed or unsigned
        if (int(column.sum(dtype=np.int64)) - signal.checksum) % 65_536:
            reasons.append(Reason("wrong_checksum", f"{name}: the samples do not have the header's checksum"))
        if signal.initial is not None and int(column[0]) != signal.initial:
            reasons.append(Reason("wrong_initial_value", f"{name}: the first sample is not the header's"))
    return reasons


def _without_baseline(column: NDArray[np.int16], baseline: int) -> NDArray[np.int32]:
    if abs(baseline) > 2**30:
        raise Unreadable([Reason("bad_header", "a signal's baseline is not one a recording can have")])
    wide = column.astype(np.int32)
    return np.where(column == _NOT_RECORDED, np.int32(MISSING), wide - np.int32(baseline))


def write_wfdb(recording: Recording, name: str) -> dict[str, bytes]:
    """Write a recording as `name.hea` and `name.dat` (format 16, with checksums).

    Raises `ValueError` when a sample does not fit 16 bits.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise ValueError("a record name is letters, digits, hyphens and underscores")
    samples = np.where(recording.samples == MISSING, _NOT_RECORDED, recording.samples)
    kept = samples[recording.samples != MISSING]
    if kept.size and (kept.min() <= _NOT_RECORDED or kept.max() > np.iinfo(np.int16).max):
        raise ValueError("a sample does not fit format 16")
    lines = [f"{name} {len(LEADS)} {recording.sampling_rate_hz:.15g} {samples.shape[1]}"]
    for lead, gain, column in zip(LEADS, recording.gain, samples, strict=True):
        checksum = (int(column.sum(dtype=np.int64)) + 32_768) % 65_536 - 32_768
        lines.append(f"{name}.dat 16 {gain:.17g}(0)/mV 16 0 {column[0]} {checksum} 0 {lead}")
    data = np.ascontiguousarray(samples.T).astype("<i2").tobytes()
    return {f"{name}.hea": ("\n".join(lines) + "\n").encode(), f"{name}.dat": data}
