"""WFDB records from bytes, in signal format 16 (header(5) and signal(5) of the WFDB manual).

The `wfdb` library reads from paths, verifies no checksum, refuses record names with a dot, and allocates what a header
says. Here lengths are compared with the bytes at hand before anything is allocated, and checksums are verified. A file
that a header names is only looked up among the files given.
"""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import Channel, Stored
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, matching
from ml.formats.recording import LEADS, MISSING, Reason, Recording, Unreadable
from ml.formats.wfdb_header import (
    BadHeader,
    Header,
    Scale,
    Signal,
    facts_of,
    is_header,
    parse_header,
    signal_files,
)

SIGNAL_FORMAT = "16"
MAX_BASELINE = 2**30

_NOT_RECORDED = -32_768  # format 16's mark for a missing sample


def read_wfdb(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a record holds: a header and the signal files that it names (`.dat`, or `.mat` by its byte offset).

    Signals that are none of the 12 leads are skipped, with whatever they say of themselves.

    Raises
    ------
    Unreadable
        With every reason: header, missing files, lengths, checksums, leads.
    """
    headers = [name for name, content in files.items() if is_header(content)]
    headers = headers or [name for name in files if name.lower().endswith(FORMAT.main_ending)]
    if len(headers) != 1:
        detail = f"exactly one header (.hea) is needed, not {len(headers)}; multi-segment records are not supported"
        raise Unreadable([Reason("header_count", detail)])
    try:
        header = parse_header(files[headers[0]])
    except BadHeader as error:
        raise Unreadable([error.reason]) from error

    stored = Stored()
    for name in dict.fromkeys(signal.file for signal in header.signals if signal.scale is not None):
        try:
            columns = _columns(name, header, files)
        except BadHeader as error:
            stored.reasons.append(error.reason)
            continue
        for scale, column in columns:
            stored.reasons.extend(_verify(scale, column))
            samples = _without_baseline(column, scale.baseline)
            stored.add(scale.lead.name, Channel.of(samples, scale.gain, scale.lead.sign))
    return EcgFile(stored.recording(header.sampling_rate_hz), facts_of(files[headers[0]]))


def _columns(name: str, header: Header, files: Mapping[str, bytes]) -> list[tuple[Scale, NDArray[np.int16]]]:
    """Return the leads of one signal file, with their samples, (n,) int16."""
    signals = [signal for signal in header.signals if signal.file == name]
    if any(signal.format != SIGNAL_FORMAT for signal in signals):
        said = ", ".join(sorted({signal.format for signal in signals} - {SIGNAL_FORMAT}))
        raise BadHeader("unsupported_format", f"WFDB format {said} is not supported; format {SIGNAL_FORMAT} is")
    width = sum(signal.samples_per_frame for signal in signals)
    frames = _frames(_content(name, files), signals, width, header.samples)
    columns, place = [], 0
    for signal in signals:
        if signal.scale is not None:
            columns.append((signal.scale, frames[:, place]))
        place += signal.samples_per_frame
    return columns


def _content(name: str, files: Mapping[str, bytes]) -> bytes:
    found = matching(files, name)
    if not found:
        raise BadHeader("missing_file", "a signal file that the header names is missing")
    if len(found) > 1:
        raise BadHeader("duplicate_file", "two files have the name of a signal file")
    return files[found[0]]


def _frames(content: bytes, signals: list[Signal], width: int, samples: int | None) -> NDArray[np.int16]:
    """Return the samples of a signal file, (n, width) int16.

    A file may be longer than its header says (padded to whole blocks, for instance) where checksums prove the samples,
    or where only zeros follow.
    """
    offset = signals[0].offset
    available, rest = divmod(max(0, len(content) - offset), 2 * width)
    if samples is None and rest:
        raise BadHeader("wrong_length", "a signal file ends within a frame")
    wanted = available if samples is None else samples
    if available < wanted:
        detail = f"the header says {wanted:,} samples a lead; the signal file holds {available:,}"
        raise BadHeader("wrong_length", detail)
    if wanted == 0:
        raise BadHeader("wrong_length", "a signal file holds no samples")
    end = offset + 2 * width * wanted
    proven = any(signal.scale is not None and signal.scale.checksum is not None for signal in signals)
    if not proven and content.count(0, end) < len(content) - end:
        detail = f"the signal file holds more than the {wanted:,} samples a lead of the header, which has no checksums"
        raise BadHeader("wrong_length", detail)
    return np.frombuffer(content, "<i2", wanted * width, offset).reshape(wanted, width)


def _verify(scale: Scale, column: NDArray[np.int16]) -> list[Reason]:
    """Compare a lead with the header's checksum: the sum modulo 2**16, which headers write signed or unsigned."""
    reasons = []
    lead = scale.lead.name
    if scale.checksum is not None:
        if (int(column.sum(dtype=np.int64)) - scale.checksum) % 65_536:
            reasons.append(Reason("wrong_checksum", f"{lead}: the samples do not have the header's checksum"))
        if scale.initial is not None and int(column[0]) != scale.initial:
            reasons.append(Reason("wrong_initial_value", f"{lead}: the first sample is not the header's"))
    return reasons


def _without_baseline(column: NDArray[np.int16], baseline: int) -> NDArray[np.int32]:
    if abs(baseline) > MAX_BASELINE:
        raise Unreadable([Reason("bad_header", f"a baseline is beyond {MAX_BASELINE:,}")])
    wide = column.astype(np.int32)
    return np.where(column == _NOT_RECORDED, np.int32(MISSING), wide - np.int32(baseline))


FORMAT = Format(
    name="WFDB",
    main_ending=".hea",
    other_endings=(".dat", ".mat"),
    recognises=is_header,
    names=signal_files,
    read=read_wfdb,
    ending_decides=True,
    memory=12,
)


def write_wfdb(recording: Recording, name: str) -> dict[str, bytes]:
    """Return a recording as the contents of `name.hea` and `name.dat` (format 16, with checksums).

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
