"""The lossless waveform codec.

Differences of consecutive samples, lead by lead; zigzag; bytes split into planes; zstd level 1. Consecutive samples
differ little, so the high bytes of the differences are nearly all zero and compress very well.
"""

import hashlib
import struct

import numpy as np
import zstandard
from numpy.typing import NDArray

from ml.formats.recording import LEADS, MAX_SAMPLES, Recording

_MAGIC, _MAGIC_UNSCALED = b"OVW1", b"OVWu"  # of a recording whose scale is known, and of one whose is not
_HEAD = struct.Struct("<4sQd32s")  # magic, samples a lead, sampling rate, digest


class CorruptWaveform(ValueError):
    """The bytes are not what `encode` wrote."""


def digest(recording: Recording) -> str:
    """Return the waveform's identity: SHA-256, in hex, of rate, gains, samples, and whether the scale is known.

    It depends on the recording alone, not on the codec or its version: a `.dat` and a `.mat` of one recording have the
    same digest, also when their baselines differ.
    """
    return _digest(recording).hex()


def _digest(recording: Recording) -> bytes:
    content = hashlib.sha256(b"overread waveform 1" if recording.scale_known else b"overread waveform 1 unscaled")
    content.update(struct.pack("<dQ", recording.sampling_rate_hz, recording.samples.shape[1]))
    content.update(recording.gain.astype("<f8").tobytes())
    content.update(np.ascontiguousarray(recording.samples, "<i4").data)
    return content.digest()


def identity(content: bytes) -> str:
    """Return the digest, in hex, that `encode` wrote at the head of what it returned. Nothing is checked."""
    digest_of: bytes = _HEAD.unpack_from(content)[3]
    return digest_of.hex()


def encode(recording: Recording) -> bytes:
    """Return a recording as bytes, without loss."""
    samples = recording.samples.shape[1]
    magic = _MAGIC if recording.scale_known else _MAGIC_UNSCALED
    head = _HEAD.pack(magic, samples, recording.sampling_rate_hz, _digest(recording))
    planes = np.empty((4, len(LEADS), samples), np.uint8)
    for lead, values in enumerate(np.ascontiguousarray(recording.samples).view(np.uint32)):
        # uint32 arithmetic wraps around, so every difference of two int32 fits
        delta = np.diff(values, prepend=np.uint32(0))
        zigzag = (delta << np.uint32(1)) ^ (delta.view(np.int32) >> 31).view(np.uint32)
        planes[:, lead] = zigzag.astype("<u4").view(np.uint8).reshape(-1, 4).T
    body = zstandard.ZstdCompressor(level=1).compress(planes.data)
    return head + recording.gain.astype("<f8").tobytes() + body


def decode(content: bytes, identity: str | None = None) -> Recording:
    """Return what `encode` wrote; `CorruptWaveform` for anything else, or where its digest is not `identity`."""
    gain_end = _HEAD.size + 8 * len(LEADS)
    if len(content) < gain_end:
        raise CorruptWaveform("too short")
    magic, samples, rate, expected = _HEAD.unpack_from(content)
    if magic not in (_MAGIC, _MAGIC_UNSCALED) or not 0 < samples <= MAX_SAMPLES:
        raise CorruptWaveform("not a waveform")
    gain = np.frombuffer(content, "<f8", len(LEADS), _HEAD.size).astype(np.float64)
    size = 4 * len(LEADS) * samples
    try:
        body = zstandard.ZstdDecompressor().decompress(content[gain_end:], max_output_size=size)
    except zstandard.ZstdError as error:
        raise CorruptWaveform("cannot be decompressed") from error
    if len(body) != size:
        raise CorruptWaveform("wrong length")
    recording = Recording(_join(body, samples), gain, rate, scale_known=magic == _MAGIC)
    if _digest(recording) != expected or identity not in (None, expected.hex()):
        raise CorruptWaveform("wrong digest")
    return recording


def _join(body: bytes, samples: int) -> NDArray[np.int32]:
    planes = np.frombuffer(body, np.uint8).reshape(4, len(LEADS), samples)
    values = np.empty((len(LEADS), samples), np.uint32)
    for lead in range(len(LEADS)):
        zigzag = np.ascontiguousarray(planes[:, lead].T).view("<u4").reshape(samples).astype(np.uint32, copy=False)
        delta = (zigzag >> np.uint32(1)) ^ (np.uint32(0) - (zigzag & np.uint32(1)))
        np.cumsum(delta, dtype=np.uint32, out=values[lead])
    return values.view(np.int32)
