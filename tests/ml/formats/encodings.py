"""WFDB records as an independent, plain writer makes them: bit by bit, from signal(5)."""

import io
from collections.abc import Sequence

import numpy as np
import soundfile

from ml.formats import LEADS
from tests.ml.formats.records import simulated

Files = dict[str, bytes]

BITS = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 10, "311": 10}
FLAC_BITS = {"508": 8, "516": 16, "524": 24}
MISSING = {form: -(2 ** (bits - 1)) for form, bits in {**BITS, **FLAC_BITS}.items() if form != "8"}


def stored(form: str, frames: np.ndarray) -> bytes:
    """Return the bytes of (n, signals) samples; of format 8, (n, signals) differences."""
    if form in FLAC_BITS:
        return _flac(frames, FLAC_BITS[form])
    flat = [int(value) for value in frames.reshape(-1)]
    bits = BITS[form]
    if form in ("80", "160"):
        return b"".join((value + 2 ** (bits - 1)).to_bytes(bits // 8, "little") for value in flat)
    if form == "61":
        return b"".join(value.to_bytes(2, "big", signed=True) for value in flat)
    if form in ("8", "16", "24", "32"):
        return b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in flat)
    folded = [value % 2**bits for value in flat]
    return {"212": _212, "310": _310, "311": _311}[form](folded)


def _212(values: Sequence[int]) -> bytes:
    content = b""
    for place in range(0, len(values), 2):
        one, two = (*values[place : place + 2], 0)[:2]
        content += bytes([one & 255, one >> 8 | two >> 8 << 4, two & 255])
    return content[: -(-len(values) * 3 // 2)]


def _310(values: Sequence[int]) -> bytes:
    content = b""
    for place in range(0, len(values), 3):
        one, two, three = (*values[place : place + 3], 0, 0)[:3]
        for word in (one << 1 | (three & 31) << 11, two << 1 | three >> 5 << 11):
            content += word.to_bytes(2, "little")
    return content[: len(values) // 3 * 4 + (0, 2, 4)[len(values) % 3]]


def _311(values: Sequence[int]) -> bytes:
    content = b""
    for place in range(0, len(values), 3):
        one, two, three = (*values[place : place + 3], 0, 0)[:3]
        content += (one | two << 10 | three << 20).to_bytes(4, "little")
    return content[: len(values) // 3 * 4 + (0, 2, 4)[len(values) % 3]]


def _flac(frames: np.ndarray, bits: int) -> bytes:
    file = io.BytesIO()
    subtype = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}[bits]
    with soundfile.SoundFile(
        file, "w", samplerate=96_000, channels=frames.shape[1], subtype=subtype, format="FLAC"
    ) as f:
        f.write(frames.astype("<i2") if bits == 16 else (frames.astype("<i4") << (32 - bits)))
    return file.getvalue()


def signal_of(form: str, frames: int = 501) -> np.ndarray:
    """Return samples that fit a format, (frames, 12); 501 · 12 are no whole blocks with one more signal."""
    bits = {**BITS, **FLAC_BITS}[form]
    whole = simulated(3).samples[:, :frames].T.astype(np.int64)
    largest = np.abs(whole).max()
    if form == "8":
        return np.clip(np.diff(whole, axis=0, prepend=whole[:1]), -128, 127).cumsum(axis=0) + whole[0]
    return whole * (2 ** (bits - 1) - 1) // largest if bits < 16 else whole


def record(
    form: str,
    samples: np.ndarray,
    *,
    per_frame: int = 1,
    skews: tuple[int, ...] = (),
    offset: int = 0,
    names: tuple[str, ...] = LEADS,
    frames: int | None = None,
) -> Files:
    """Return a record of (n, signals) samples in files of at most 8 signals, as FLAC has them."""
    skews = skews or (0,) * len(names)
    frames = len(samples) // per_frame if frames is None else frames
    lines = [f"r {len(names)} 500 {frames}"]
    files: Files = {}
    for first in range(0, len(names), 8):
        name = f"r{first}.dat"
        block = samples[:, first : first + 8]
        for place, lead in enumerate(names[first : first + 8]):
            column = block[:, place]
            checksum = (int(column.sum()) + 32_768) % 65_536 - 32_768
            layout = form + (f"x{per_frame}" if per_frame > 1 else "")
            layout += (f":{skews[first + place]}" if skews[first + place] else "") + (f"+{offset}" if offset else "")
            lines.append(f"{name} {layout} 1000/mV 16 0 {column[0]} {checksum} 0 {lead}")
        if form in FLAC_BITS:
            content = stored(form, np.concatenate([np.zeros((offset, block.shape[1]), np.int64), block]))
        else:
            differences = np.diff(block, axis=0, prepend=block[:1]) if form == "8" else block
            grouped = differences.reshape(-1, per_frame, block.shape[1]).transpose(0, 2, 1)  # a signal's frame together
            content = b"\x55" * offset + stored(form, grouped)
        files[name] = content
    return {"r.hea": ("\n".join(lines) + "\n").encode(), **files}
