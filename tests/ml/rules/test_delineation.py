"""QRS, PR and the axis come out as devices measure them, within what devices differ by among themselves."""

from pathlib import Path

import numpy as np
import pytest

from ml.formats.disk import record_at
from ml.formats.recording import Recording
from ml.rules import read

TOLERANCE = {"heart_rate": ("rate", 8), "pr_ms": ("pr_ms", 24), "qrs_ms": ("qrs_ms", 18), "qrs_axis": ("qrs_axis", 12)}
DIFFERS = {("129DYPRG.XML", "qrs_ms")}  # an acute infarct, whose ST and QRS the device took together


def test_measurements_are_those_of_the_devices(shared: Path) -> None:
    compared = 0
    for path in sorted((shared / "formats").rglob("*")):
        record = record_at(path) if path.is_file() else None
        if record is None:
            continue
        file = record.read()
        evidence = read(file.recording).evidence
        for name, (ours, within) in TOLERANCE.items():
            theirs = getattr(file.facts.measurements, name)
            if theirs is not None and (path.name, name) not in DIFFERS:
                assert evidence[ours] == pytest.approx(theirs, abs=within), (path.name, name)
                compared += 1
    assert compared > 30


@pytest.mark.parametrize("width_ms", [60, 90, 120, 150, 180])
def test_a_wider_qrs_is_measured_wider(width_ms: int) -> None:
    """One triangle a beat in all leads, whose length is known."""
    half = width_ms // 4  # samples at 500 Hz
    wave = 1 - np.abs(np.arange(-half, half + 1)) / half
    signal = np.zeros((12, 5000))
    for at in range(250, 4800, 420):
        signal[:, at - half : at + half + 1] += wave
    signal *= np.array([1, 1.4, 0.4, -1.2, 0.3, 0.9, -1, -0.6, 0.5, 1, 1.1, 0.9])[:, None]
    signal += 0.002 * np.random.default_rng(0).standard_normal(signal.shape)
    recording = Recording(np.rint(signal * 1000).astype(np.int32), np.full(12, 1000.0), 500.0)
    assert read(recording).evidence["qrs_ms"] == pytest.approx(width_ms, abs=12)
