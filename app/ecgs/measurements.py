"""What a device measures of an ECG: the columns, and the range of each."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

QtcFormula = Literal["bazett", "fridericia", "framingham", "hodges"]


class Range(NamedTuple):
    """The least and the greatest value that is taken, inclusive, and the unit."""

    lowest: float
    highest: float
    unit: str


_RATE = Range(0, 1000, "beats a minute")
_INTERVAL = Range(0, 5000, "milliseconds")
_AXIS = Range(-180, 180, "degrees")
MEASURED: dict[str, Range] = {
    "heart_rate": _RATE,
    "pr_ms": _INTERVAL,
    "qrs_ms": _INTERVAL,
    "qt_ms": _INTERVAL,
    "qtc_ms": _INTERVAL,
    "p_axis": _AXIS,
    "qrs_axis": _AXIS,
    "t_axis": _AXIS,
}
"""By column of `ecgs` and `pairs`; fields of `ml.formats.ecg_file.Measurements` have the same names."""


def _within(limits: Range) -> Any:
    return Field(ge=limits.lowest, le=limits.highest, allow_inf_nan=False, description=f"In {limits.unit}.")


def _to_a_tenth(value: float) -> float:
    return round(value, 1)  # single precision gives it back unchanged


Rate = Annotated[float, _within(_RATE), AfterValidator(_to_a_tenth)]
Interval = Annotated[float, _within(_INTERVAL), AfterValidator(_to_a_tenth)]
Axis = Annotated[float, _within(_AXIS), AfterValidator(_to_a_tenth)]


class MeasurementsIn(BaseModel):
    """What the device measured; null: it says nothing."""

    model_config = ConfigDict(extra="forbid")

    heart_rate: Rate | None = None
    pr_ms: Interval | None = None
    qrs_ms: Interval | None = None
    qt_ms: Interval | None = None
    qtc_ms: Interval | None = None
    qtc_formula: QtcFormula | None = Field(default=None, description="How QTc was made of QT; null: not said.")
    p_axis: Axis | None = None
    qrs_axis: Axis | None = None
    t_axis: Axis | None = None


class MeasurementsOut(MeasurementsIn):
    """Measurements, and whose they are."""

    by: Literal["device", "overread"] = Field(description="`device`: as the device says; `overread`: computed here.")
