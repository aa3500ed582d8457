"""FLAC as libsndfile writes it, and streams that lie."""

import hashlib
import io

import numpy as np
import pytest
import soundfile

from ml.formats.flac import ALLOWANCE, BadFlac, decode
from tests.cost import cheap
from tests.ml.formats.encodings import stored
from tests.ml.formats.records import simulated

CHANCE = np.random.default_rng(0)
SIGNALS = {
    "an ECG": simulated().samples[:8].T,
    "noise": CHANCE.integers(-100, 100, (5000, 8)),
    "full scale": CHANCE.choice([-(2**15), 2**15 - 1], (3000, 8)),
    "one value": np.full((5000, 8), -7),
    "low bits of 0": CHANCE.integers(-1, 2, (4999, 8)).cumsum(axis=0) // 8 * 8,
    "a ramp": np.arange(8000).reshape(1000, 8),
    "one sample": np.ones((1, 8), np.int64),
    "mostly silence": np.where(CHANCE.random((9000, 8)) < 0.01, CHANCE.integers(-(2**15), 2**15, (9000, 8)), 0),
}


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize(("form", "bits"), [("508", 8), ("516", 16), ("524", 24)])
def test_a_stream_is_what_was_written(name: str, channels: int, form: str, bits: int) -> None:
    signal = np.clip(SIGNALS[name][:, :channels], -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    content = stored(form, signal << 6 if form == "524" else signal)
    assert np.array_equal(decode(content, bits), signal << 6 if form == "524" else signal)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", SIGNALS)
def test_every_level_of_compression_is_read(name: str, level: float) -> None:
    """Level 0 has fixed predictors and no mean of channels; the highest has 12 coefficients and small partitions."""
    file = io.BytesIO()
    signal = SIGNALS[name][:, :2].astype("<i2")
    with soundfile.SoundFile(
        file, "w", samplerate=96_000, channels=2, subtype="PCM_16", format="FLAC", compression_level=level
    ) as f:
        f.write(signal)
    assert np.array_equal(decode(file.getvalue(), 16), signal)


@pytest.mark.parametrize("place", [0, 5, 20, 30, 60, 90, 200, 1000, -40, -1])
def test_a_changed_stream_is_refused(place: int) -> None:
    content = bytearray(stored("516", SIGNALS["an ECG"]))
    content[place] ^= 0x55
    try:
        found = decode(bytes(content), 16)
    except BadFlac:
        return
    assert np.array_equal(found, SIGNALS["an ECG"])  # a byte that no sample depends on


def test_a_stream_that_ends_early_is_refused() -> None:
    content = stored("516", SIGNALS["an ECG"])
    for end in (0, 3, 41, 42, 60, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(BadFlac):
            decode(content[:end], 16)


def test_more_bits_than_the_format_has_are_refused() -> None:
    with pytest.raises(BadFlac, match="more than 8 bits"):
        decode(stored("516", SIGNALS["an ECG"]), 8)


def _crc(content: bytes, width: int, polynomial: int) -> bytes:
    register = 0
    for byte in content:
        register ^= byte << (width - 8)
        for _ in range(8):
            register = (register << 1) ^ (polynomial if register >> (width - 1) else 0)
            register &= (1 << width) - 1
    return register.to_bytes(width // 8, "big")


def _constant_frames(frames: int, claimed: int) -> bytes:
    """Return a stream of one channel whose frames have 65,535 equal samples in 12 bytes each."""
    packed = (96_000 << 44) | (0 << 41) | (15 << 36) | claimed
    head = b"fLaC\x80\0\0\x22" + b"\xff\xff" * 2 + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    frame = bytes([0xFF, 0xF8, 0x70, 0x08, 0x00]) + (65_534).to_bytes(2, "big")
    frame += _crc(frame, 8, 0x07) + b"\0\0\x07"
    return head + (frame + _crc(frame, 16, 0x8005)) * frames


def test_a_stream_that_multiplies_is_refused_in_little_memory() -> None:
    assert np.array_equal(decode(_constant_frames(2, 2 * 65_535), 16), np.full((2 * 65_535, 1), 7))
    few = ALLOWANCE // 65_535
    for claimed in (0, 2**36 - 1):
        content = _constant_frames(few * 100, claimed)
        with cheap(50_000_000), pytest.raises(BadFlac, match="too many for its length"):
            decode(content, 16)


def test_the_md5_of_the_samples_is_verified() -> None:
    content = stored("516", SIGNALS["an ECG"])
    expected = hashlib.md5(SIGNALS["an ECG"].astype("<i2").tobytes()).digest()
    assert content[26:42] == expected
    with pytest.raises(BadFlac, match="MD5"):
        decode(content[:26] + bytes(15) + b"\1" + content[42:], 16)
    assert decode(content[:26] + bytes(16) + content[42:], 16).shape == (5000, 8)  # not given
