"""What a device measures of an ECG, as requests and answers have it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ml.formats.ecg_file import MEASURED, QtcFormula, Range


def _within(limits: Range) -> Any:
    return Field(ge=limits.lowest, le=limits.highest, allow_inf_nan=False, description=f"In {limits.unit}.")


def _to_a_tenth(value: float) -> float:
    return round(value, 1)  # single precision gives it back unchanged


Rate = Annotated[float, _within(MEASURED["heart_rate"]), AfterValidator(_to_a_tenth)]
Interval = Annotated[float, _within(MEASURED["pr_ms"]), AfterValidator(_to_a_tenth)]
Axis = Annotated[float, _within(MEASURED["qrs_axis"]), AfterValidator(_to_a_tenth)]


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
