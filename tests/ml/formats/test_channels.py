"""Any two limb leads, with any gains, give the other four."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.formats import LEADS, Recording, Unreadable
from ml.formats.channels import Channel, at_one_gain, twelve_leads
from ml.formats.recording import MISSING

LIMB = LEADS[:6]
PAIRS = list(itertools.combinations(LIMB, 2))


def limb_leads_mv(samples: int = 200) -> dict[str, np.ndarray]:
    one, two = np.random.default_rng(0).normal(0, 0.5, (2, samples))
    return dict(zip(LIMB, (one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2), strict=True))


def stored(gains: dict[str, float], samples: int = 200) -> dict[str, Channel]:
    """Return channels of the leads that have a gain here, and of all chest leads."""
    leads_mv = limb_leads_mv(samples)
    limb = {lead: Channel(np.rint(leads_mv[lead] * gain).astype(np.int32), gain) for lead, gain in gains.items()}
    return {**limb, **{lead: Channel(np.arange(samples, dtype=np.int32), 1000.0) for lead in LEADS[6:]}}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("gains", [(1000.0, 1000.0), (1000.0, 2000.0), (204.8, 409.6), (333.3, 1000.0), (200.0, 7.3)])
def test_two_limb_leads_give_all_six(pair: tuple[str, str], gains: tuple[float, float]) -> None:
    channels = stored(dict(zip(pair, gains, strict=True)))
    signal_mv = Recording(*twelve_leads(channels), 500.0).millivolts()
    one, two = (channels[lead].samples / channels[lead].gain for lead in pair)
    for lead in pair:
        assert np.array_equal(signal_mv[LEADS.index(lead)], channels[lead].samples / channels[lead].gain)
    i, ii, iii, avr, avl, avf = signal_mv[:6]
    step = 1 / (64 * max(gains))
    for law in (i + iii - ii, avr + (i + ii) / 2, avl - (i - iii) / 2, avf - (ii + iii) / 2):
        assert np.abs(law).max() <= 2 * step
    assert np.abs(one).max() > 0 and np.abs(two).max() > 0


def test_gains_in_a_simple_ratio_lose_nothing() -> None:
    samples, gain = twelve_leads(stored({"I": 1000.0, "II": 2000.0}))
    exact = stored({"I": 1000.0, "II": 2000.0})
    assert np.array_equal(samples[2], exact["II"].samples - 2 * exact["I"].samples) and gain[2] == 2000.0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.tuples(*[st.floats(1e-6, 1e12)] * 2), st.integers(1, 2**31 - 1))
def test_no_gain_overflows(pair: tuple[str, str], gains: tuple[float, float], largest: int) -> None:
    samples = np.array([largest, -largest, 0, MISSING], np.int32)
    channels = {lead: Channel(samples, gain) for lead, gain in zip(pair, gains, strict=True)}
    channels |= {lead: Channel(samples, 1.0) for lead in LEADS[6:]}
    recording = Recording(*twelve_leads(channels), 500.0)
    signal_mv = recording.millivolts()
    i, ii, iii = signal_mv[:3, :3]
    assert np.all(recording.gain > 0) and np.isnan(signal_mv[:, 3]).all()
    assert np.allclose(ii - i, iii, rtol=1e-6, atol=1e-6 * np.abs(signal_mv[:, :3]).max())


def test_one_limb_lead_or_no_chest_lead_is_named() -> None:
    with pytest.raises(Unreadable, match=r"missing leads: II, III, aVR, aVL, aVF$"):
        twelve_leads(stored({"I": 1000.0}))
    channels = stored({"I": 1000.0, "II": 1000.0})
    del channels["V4"]
    with pytest.raises(Unreadable, match=r"missing leads: V4$"):
        twelve_leads(channels)


def test_a_negative_gain_turns_the_samples_and_keeps_the_mark_of_a_missing_one() -> None:
    samples = np.array([5, MISSING, -7], np.int32)
    turned = Channel.of(samples, -200.0, 1)
    assert turned.gain == 200.0 and turned.samples.tolist() == [-5, MISSING, 7]
    assert Channel.of(samples, -200.0, -1).samples.tolist() == samples.tolist()


def test_pieces_of_a_lead_get_one_gain_without_loss_where_integers_can() -> None:
    samples = np.array([1, -7, MISSING, 30_000], np.int32)
    for gains in ((1000.0, 1000.0), (1000.0, 2000.0), (200.0, 1000.0, 204.8), (1000.0, 333.25)):
        pieces, gain = at_one_gain([Channel(samples, each) for each in gains])
        for piece, each in zip(pieces, gains, strict=True):
            assert np.array_equal(piece == MISSING, samples == MISSING)
            assert np.array_equal(piece[[0, 1, 3]] * each, samples[[0, 1, 3]] * gain)
    pieces, gain = at_one_gain([Channel(samples, 1000.0), Channel(samples, 1000 * np.pi)])
    assert abs(pieces[1][3] / gain - 30_000 / (1000 * np.pi)) <= 1 / gain
    assert gain >= 1000 * np.pi  # finer than either
    pieces, gain = at_one_gain([Channel(np.array([2**30], np.int32), 1e-6), Channel(samples, 1e12)])
    assert pieces[0].dtype == np.int32 and abs(pieces[0][0] / gain / (2**30 / 1e-6) - 1) < 1e-6
