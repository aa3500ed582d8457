"""FLAC streams (RFC 9639), in which WFDB keeps signals of formats 508, 516 and 524.

libsndfile decodes. It verifies no checksum, and fills in what it cannot decode: here the stream's own MD5 of the
samples is verified where it is given, and what the head says is compared with bounds before anything is allocated.
"""

import hashlib
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ALLOWANCE = 2_000_000  # samples of all channels that may be stored in fewer bytes than samples

_HEAD_BYTES = 42  # the mark, and the first block of metadata with its head


class BadFlac(ValueError):
    """The bytes are no FLAC stream that can be used."""


class _Stream(NamedTuple):
    """What the head of a stream says; `samples` are of a channel."""

    channels: int
    bits: int
    samples: int
    md5: bytes


@cache
def _soundfile() -> Any:
    import soundfile

    return soundfile


def decode(content: bytes, most_bits: int) -> NDArray[np.int32]:
    """Return the samples of a stream of 8, 16 or 24 bits, (samples, channels) int32.

    Raises `BadFlac`, also for a stream of far more samples than bytes (`ALLOWANCE`).
    """
    stream = _stream(content)
    if stream.bits > most_bits:
        raise BadFlac(f"a FLAC file has samples of more than {most_bits} bits")
    most = (len(content) + ALLOWANCE) // stream.channels
    if not 0 < stream.samples <= most:
        raise BadFlac("a FLAC file does not say how many samples it holds, or too many for its length")
    library = _soundfile()
    try:
        with library.SoundFile(BytesIO(content)) as file:
            if (file.format, file.channels) != ("FLAC", stream.channels):
                raise BadFlac("a FLAC file differs from its head")
            found = file.read(stream.samples, dtype="int32", always_2d=True)
    except (library.SoundFileError, RuntimeError, MemoryError) as error:
        raise BadFlac("a FLAC file is damaged") from error
    if len(found) != stream.samples:
        raise BadFlac("a FLAC file holds another number of samples than it says")
    whole: NDArray[np.int32] = found >> (32 - stream.bits)
    if any(stream.md5) and _md5(whole, stream.bits) != stream.md5:
        raise BadFlac("the samples of a FLAC file do not have its MD5")
    return whole


def _stream(content: bytes) -> _Stream:
    """Return what the first block of metadata says."""
    if len(content) < _HEAD_BYTES or content[:4] != b"fLaC" or content[4] & 0x7F:
        raise BadFlac("a signal file in a FLAC format is no FLAC file")
    packed = int.from_bytes(content[18:26], "big")
    bits = (packed >> 36 & 31) + 1
    return _Stream((packed >> 41 & 7) + 1, bits, packed & ((1 << 36) - 1), content[26:42])


def _md5(samples: NDArray[np.int32], bits: int) -> bytes:
    width = (bits + 7) // 8
    stored = samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    return hashlib.md5(stored.tobytes(), usedforsecurity=False).digest()
