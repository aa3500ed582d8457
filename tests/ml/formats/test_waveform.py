"""The codec loses nothing and takes nothing damaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.corpus.simulator.heart import record
from ml.formats import Recording
from ml.formats.waveform import CorruptWaveform, decode, digest, encode

SAMPLES = hnp.arrays(np.int32, st.tuples(st.just(12), st.integers(1, 40)), elements=st.integers(-(2**31), 2**31 - 1))


@given(SAMPLES, st.floats(1, 1e6), st.floats(1, 1e5))
def test_nothing_is_lost(samples: np.ndarray, gain: float, rate: float) -> None:
    recording = Recording(samples, np.full(12, gain), rate)
    again = decode(encode(recording))
    assert np.array_equal(again.samples, samples) and np.array_equal(again.gain, recording.gain)
    assert again.sampling_rate_hz == rate and digest(again) == digest(recording)


def test_damage_is_noticed() -> None:
    content = encode(record({"afib"}, np.random.default_rng(1)))
    for place in range(0, len(content), max(1, len(content) // 60)):
        damaged = content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        with pytest.raises(CorruptWaveform):
            decode(damaged)
    for end in (0, 10, 100, len(content) - 1):
        with pytest.raises(CorruptWaveform):
            decode(content[:end])


def test_another_signal_is_another_ecg() -> None:
    one = record({"afib"}, np.random.default_rng(1))
    changed = one.samples.copy()
    changed[0, 0] += 1
    assert digest(Recording(changed, one.gain, 500.0)) != digest(one)
    assert digest(Recording(one.samples, one.gain, 250.0)) != digest(one)
