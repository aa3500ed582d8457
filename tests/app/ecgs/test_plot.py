"""The sheet shows every lead, whatever its offset, and any caption leaves it readable XML."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ecgs.plot import plot_svg
from ml.corpus.simulator.heart import record
from ml.formats import LEADS

SVG = "{http://www.w3.org/2000/svg}"
SIGNAL_MV = record({"sinus_rhythm"}, np.random.default_rng(0)).millivolts()


def sheet(signal_mv: np.ndarray = SIGNAL_MV, **options: object) -> ET.Element:
    return ET.fromstring(plot_svg(signal_mv, 500.0, **options).encode())  # type: ignore[arg-type]


def heights(root: ET.Element) -> list[np.ndarray]:
    """Return the y of every trace's points."""
    points = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    return [np.array([float(point.split(",")[1]) for point in trace]) for trace in points]


@pytest.mark.parametrize("offset_mv", [30.0, -300.0, 0.2])
def test_an_offset_moves_no_trace_and_is_written_beside_each_lead(offset_mv: float) -> None:
    centred = SIGNAL_MV - np.median(SIGNAL_MV, axis=1, keepdims=True)
    with_offset = sheet(centred + offset_mv)
    for moved, still in zip(heights(with_offset), heights(sheet(centred)), strict=True):
        assert np.allclose(moved, still, atol=0.02)
        assert moved.min() > 0 and moved.max() < float(with_offset.attrib["viewBox"].split()[3])
    written = [float(str(text.text).split()[1]) for text in with_offset.iter(f"{SVG}tspan")]
    assert len(written) == len(LEADS) + 1 and written == pytest.approx([offset_mv] * len(written), abs=0.15)


def test_each_lead_has_its_own_offset() -> None:
    offsets = np.linspace(-200, 250, len(LEADS))[:, None]
    for trace in heights(sheet(SIGNAL_MV + offsets)):
        assert 0 < np.median(trace) < 164


def test_no_offset_is_written_where_there_is_none() -> None:
    wave = np.tile(np.sin(np.arange(5000) * 2 * np.pi / 50), (len(LEADS), 1))
    assert list(sheet(wave).iter(f"{SVG}tspan")) == []
    assert len(list(sheet(wave + 1).iter(f"{SVG}tspan"))) == len(LEADS) + 1


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_caption_gives_readable_xml(caption: str) -> None:
    root = sheet(SIGNAL_MV[:, :500], caption=caption)
    assert root.tag == f"{SVG}svg"


def test_the_last_samples_of_a_recording_are_a_sheet_too() -> None:
    assert len(heights(sheet(start_s=9.999))) == len(LEADS) + 1
