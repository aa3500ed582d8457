"""WFDB records from bytes (header(5) and signal(5) of the WFDB manual): one segment, or several.

The `wfdb` library reads from paths, verifies no checksum, refuses record names with a dot, and allocates what a header
says. Here lengths are compared with the bytes at hand before anything is allocated, and checksums are verified. A file
that a header names is only looked up among the files given.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import Channel, Stored, at_one_gain
from ml.formats.ecg_file import EcgFile, Facts
from ml.formats.format import Format, matching
from ml.formats.recording import LEADS, MISSING, Reason, Recording, Unreadable, unreadable
from ml.formats.wfdb_header import (
    ENDING,
    GAP,
    BadHeader,
    Header,
    Scale,
    Signal,
    facts_of,
    has_segments,
    is_header,
    named_files,
    parse_header,
)
from ml.formats.wfdb_signals import DIFFERENCES, BadSignalFile, Samples, signal_file

MAX_BASELINE = 2**30

_MARK_16 = -32_768  # format 16's mark for a missing sample
_SAMPLES_A_BYTE = 1.5  # twelve leads in a byte each, or eight that give twelve; gaps may take what is left of it
_ALLOWANCE = 4_000_000  # samples of all leads


class _Piece(NamedTuple):
    """Leads over a stretch of time, from the frame `begins` on."""

    begins: int
    leads: dict[str, Channel]


def read_wfdb(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a record holds: its header, the headers of its segments, and the signal files that these name.

    Signals that are none of the 12 leads are skipped, with whatever they say of themselves. Where a segment lacks a
    lead that others have, its samples are missing.

    Raises
    ------
    Unreadable
        With every reason: header, missing files, lengths, checksums, leads.
    """
    main = _main_header(files)
    try:
        header = parse_header(files[main])
        if header.segments:
            return _of_segments(header, files[main], files)
    except BadHeader as error:
        raise Unreadable([error.reason]) from error
    stored, frame = _stored(header, files)
    return EcgFile(stored.recording(header.sampling_rate_hz * frame), facts_of(files[main]))


def _main_header(files: Mapping[str, bytes]) -> str:
    headers = [name for name, content in files.items() if is_header(content)]
    headers = headers or [name for name in files if name.lower().endswith(ENDING)]
    mains = [name for name in headers if has_segments(files[name])] or headers
    if len(mains) != 1:
        detail = f"exactly one header ({ENDING}) is needed, or one of several segments and theirs, not {len(mains)}"
        raise unreadable("header_count", detail)
    return mains[0]


def _of_segments(header: Header, content: bytes, files: Mapping[str, bytes]) -> EcgFile:
    """Return what a record of several segments holds."""
    total = sum(segment.samples for segment in header.segments)
    if header.samples not in (None, total):
        raise BadHeader("wrong_length", f"the header says {header.samples:,} samples; its segments say {total:,}")
    if len(LEADS) * total > _SAMPLES_A_BYTE * sum(map(len, files.values())) + _ALLOWANCE:
        raise BadHeader("too_long", "the segments say far more samples than the files hold")
    pieces, frames, facts = [], set(), facts_of(content)
    begins = 0
    for segment in header.segments:
        if segment.header and segment.samples:
            found = _content(segment.header, files, "the header of a segment")
            stored, frame = _stored(_checked(parse_header(found), header, segment.samples), files)
            if stored.reasons:
                raise Unreadable(stored.reasons)
            pieces.append(_Piece(begins, stored.leads))
            frames.add(frame)
            facts = _completed(facts, facts_of(found))
        begins += segment.samples
    if len(frames) != 1:
        raise BadHeader("unequal_rates", "all segments must have leads, with the same number of samples a frame")
    [frame] = frames
    joined = Stored()
    for lead in dict.fromkeys(lead for piece in pieces for lead in piece.leads):
        joined.leads[lead] = _joined([piece for piece in pieces if lead in piece.leads], lead, total * frame, frame)
    return EcgFile(joined.recording(header.sampling_rate_hz * frame), facts)


def _checked(segment: Header, whole: Header, samples: int) -> Header:
    if segment.segments:
        raise BadHeader("bad_header", "a segment is a record of several segments itself")
    if segment.sampling_rate_hz != whole.sampling_rate_hz:
        raise BadHeader("unequal_rates", "a segment has another sampling rate than the record")
    if segment.samples not in (None, samples):
        raise BadHeader("wrong_length", "a segment has another length than the record says")
    return replace(segment, samples=samples)


def _completed(facts: Facts, more: Facts) -> Facts:
    """Return facts with age and sex, where those do not say them; a segment's time is not the record's."""
    return replace(facts, age=more.age if facts.age is None else facts.age, sex=facts.sex or more.sex)


def _joined(pieces: list[_Piece], lead: str, samples: int, frame: int) -> Channel:
    channels = [piece.leads[lead] for piece in pieces]
    parts, gain = at_one_gain(channels)
    whole = np.full(samples, MISSING, np.int32)
    for piece, part in zip(pieces, parts, strict=True):
        whole[piece.begins * frame : piece.begins * frame + len(part)] = part
    return Channel(whole, gain, all(channel.is_calibrated for channel in channels))


def _channel(samples: NDArray[np.int32], scale: Scale) -> Channel:
    return Channel.of(samples, scale.gain, scale.lead.sign, is_calibrated=scale.is_calibrated)


def _stored(header: Header, files: Mapping[str, bytes]) -> tuple[Stored, int]:
    """Return the leads of one segment, what is wrong with them, and how many samples they have in a frame."""
    stored = Stored()
    named = [signal for signal in header.signals if signal.scale is not None and signal.file != GAP]
    for name in dict.fromkeys(signal.file for signal in named):
        try:
            for scale, samples in _leads(name, header, files):
                stored.add(scale.lead.name, _channel(samples, scale))
        except (BadHeader, Unreadable) as error:
            stored.reasons.extend(error.reasons if isinstance(error, Unreadable) else [error.reason])
    frames = {signal.samples_per_frame for signal in named}
    if len(frames) > 1:
        stored.reasons.append(Reason("unequal_rates", "the leads have different numbers of samples a frame"))
    return stored, min(frames, default=1)


def _leads(name: str, header: Header, files: Mapping[str, bytes]) -> Iterator[tuple[Scale, NDArray[np.int32]]]:
    """Yield the leads of one signal file, with their samples, the baseline subtracted."""
    signals = [signal for signal in header.signals if signal.file == name]
    if len({signal.format for signal in signals}) > 1:
        raise BadHeader("unsupported_format", "a signal file has signals of several formats")
    content = _content(name, files, "a signal file that the header names")
    first = signals[0]
    try:
        widths = [signal.samples_per_frame for signal in signals]
        found = signal_file(content, first.format, offset=first.offset, widths=widths)
    except BadSignalFile as error:
        raise BadHeader(error.code, str(error)) from error
    frames = header.samples or found.frames
    if header.samples is None and not found.is_whole:
        raise BadHeader("wrong_length", "a signal file ends within a frame")
    if found.frames < frames:
        detail = f"the header says {frames:,} samples a lead; the signal file holds {found.frames:,}"
        raise BadHeader("wrong_length", detail)
    if frames == 0:
        raise BadHeader("wrong_length", "a signal file holds no samples")
    # a file may be longer than its header says where checksums prove the samples, or only zeros follow
    proven = any(signal.scale is not None and signal.scale.checksum is not None for signal in signals)
    if not proven and not found.only_zeros_after(frames):
        detail = f"the signal file holds more than the {frames:,} samples a lead of the header, which has no checksums"
        raise BadHeader("wrong_length", detail)
    reasons = []
    for signal, column in zip(signals, found.columns(frames), strict=True):
        if signal.scale is not None:
            samples = _summed(column, signal.scale) if signal.format == DIFFERENCES else column
            reasons += _wrong(signal, samples)
            yield signal.scale, _without_baseline(samples, found.missing, signal)
    if reasons:
        raise Unreadable(reasons)


def _content(name: str, files: Mapping[str, bytes], what: str) -> bytes:
    found = matching(files, name)
    if not found:
        raise BadHeader("missing_file", f"{what} is missing")
    if len(found) > 1:
        raise BadHeader("duplicate_file", f"two files have the name of {what}")
    return files[found[0]]


def _summed(differences: Samples, scale: Scale) -> Samples:
    samples = np.cumsum(differences, dtype=np.int64) + (scale.initial or 0)
    if np.abs(samples).max() > MAX_BASELINE:
        raise BadHeader("too_large", f"{scale.lead.name}: the differences add up to more than {MAX_BASELINE:,}")
    return samples


def _wrong(signal: Signal, column: Samples) -> list[Reason]:
    """Compare a lead with the header's checksum: the sum modulo 2**16, which headers write signed or unsigned."""
    reasons: list[Reason] = []
    scale = signal.scale
    if scale is not None and scale.checksum is not None:
        lead = scale.lead.name
        if (int(column.sum(dtype=np.int64)) - scale.checksum) % 65_536:
            reasons.append(Reason("wrong_checksum", f"{lead}: the samples do not have the header's checksum"))
        if scale.initial is not None and signal.format != DIFFERENCES and int(column[0]) != scale.initial:
            reasons.append(Reason("wrong_initial_value", f"{lead}: the first sample is not the header's"))
    return reasons


def _without_baseline(column: Samples, missing: int | None, signal: Signal) -> NDArray[np.int32]:
    """Return the samples of a lead from the others' first one on; where it ends before them, they are missing."""
    assert signal.scale is not None
    baseline = signal.scale.baseline
    if abs(baseline) > MAX_BASELINE:
        raise BadHeader("bad_header", f"a baseline is beyond {MAX_BASELINE:,}")
    absent = np.zeros(len(column), bool) if missing is None else column == missing
    wide = np.where(absent, 0, column).astype(np.int32)
    if wide.itemsize == column.itemsize and np.abs(wide.astype(np.int64)).max() > MAX_BASELINE:
        raise BadHeader("too_large", f"{signal.scale.lead.name}: a sample is beyond {MAX_BASELINE:,}")
    samples = np.where(absent, np.int32(MISSING), wide - np.int32(baseline))
    skew = min(signal.skew * signal.samples_per_frame, len(samples))
    if skew:
        samples = np.concatenate([samples[skew:], np.full(skew, MISSING, np.int32)])
    return samples


FORMAT = Format(
    name="WFDB",
    main_ending=ENDING,
    other_endings=(".dat", ".mat"),
    recognises=is_header,
    names=named_files,
    read=read_wfdb,
    ending_decides=True,
    memory=40,
)


def write_wfdb(recording: Recording, name: str) -> dict[str, bytes]:
    """Return a recording as the contents of `name.hea` and `name.dat` (format 16, with checksums).

    Raises `ValueError` when a sample does not fit 16 bits.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise ValueError("a record name is letters, digits, hyphens and underscores")
    samples = np.where(recording.samples == MISSING, _MARK_16, recording.samples)
    kept = samples[recording.samples != MISSING]
    if kept.size and (kept.min() <= _MARK_16 or kept.max() > np.iinfo(np.int16).max):
        raise ValueError("a sample does not fit format 16")
    lines = [f"{name} {len(LEADS)} {recording.sampling_rate_hz:.15g} {samples.shape[1]}"]
    for lead, gain, column in zip(LEADS, recording.gain, samples, strict=True):
        checksum = (int(column.sum(dtype=np.int64)) + 32_768) % 65_536 - 32_768
        said = f"{gain:.17g}" if recording.scale_known else "0"
        lines.append(f"{name}.dat 16 {said}(0)/mV 16 0 {column[0]} {checksum} 0 {lead}")
    data = np.ascontiguousarray(samples.T).astype("<i2").tobytes()
    return {f"{name}.hea": ("\n".join(lines) + "\n").encode(), f"{name}.dat": data}
