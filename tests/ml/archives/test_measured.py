"""What a device prints for "not measured" becomes no measurement."""

import math

from ml.archives.measured import measured
from ml.formats.ecg_file import Measurements


def test_sentinels_are_left_out_and_axes_are_wrapped() -> None:
    values = {"pr_ms": 29999.0, "qrs_ms": 0.0, "qt_ms": 400.0, "qtc_ms": None, "heart_rate": math.nan}
    axes = {"p_axis": 29999.0, "qrs_axis": 270.0, "t_axis": 0.0}
    assert measured(values | axes, "bazett") == Measurements(qt_ms=400, qrs_axis=-90, t_axis=0)
    assert measured({"qtc_ms": 410.0}, "bazett") == Measurements(qtc_ms=410, qtc_formula="bazett")
