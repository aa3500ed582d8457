"""A device's numbers as measurements."""

import math
from collections.abc import Mapping

from ml.formats.ecg_file import MEASURED, Measurements


def measured(values: Mapping[str, float | None], qtc_formula: str | None = None) -> Measurements:
    """Return a device's numbers by the names of `Measurements`. What no ECG can have stands for "not measured".

    Axes are brought to -180…180 degrees. A time or a rate of 0 is left out too.
    """
    kept: dict[str, float] = {}
    for name, value in values.items():
        if value is None or not math.isfinite(value):
            continue
        lowest, highest, _ = MEASURED[name]
        if lowest < 0 and abs(value) <= 360:
            kept[name] = (value + 180) % 360 - 180
        elif max(lowest, 0) < value <= highest:
            kept[name] = value
    return Measurements(**kept, qtc_formula=qtc_formula if "qtc_ms" in kept else None)
