"""Measurements of an ECG, as requests and answers have them: the device's, which are kept, and ours."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

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

    by: Literal["device", "overread"] = Field(description="`device`: as the device says; `overread`: measured here.")


MEASURED_BY_DEVICE: dict[str, JsonValue] = {
    "heart_rate": 72.0,
    "pr_ms": 164.0,
    "qrs_ms": 92.0,
    "qt_ms": 398.0,
    "qtc_ms": 436.0,
    "qtc_formula": "bazett",
    "p_axis": 51.0,
    "qrs_axis": -34.0,
    "t_axis": 40.0,
    "by": "device",
}
_MEASURED_HERE: dict[str, JsonValue] = {
    **dict.fromkeys(MEASURED_BY_DEVICE),
    "heart_rate": 71.4,
    "qrs_ms": 88.0,
    "qrs_axis": -31.2,
    "t_axis": 37.9,
    "by": "overread",
}


class EcgMeasurements(BaseModel):
    """An ECG's measurements, the device's and ours, apart."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
                    "device": MEASURED_BY_DEVICE,
                    "overread": _MEASURED_HERE,
                }
            ]
        }
    )

    ecg_id: uuid.UUID
    device: MeasurementsOut | None = Field(description="Null: the device says nothing.")
    overread: MeasurementsOut | None = Field(
        description="In the first ten seconds of the waveform that have a signal, as the rule reader measures them: "
        "rate, QRS duration, and the axes of QRS and T, each null where no QRS can be read; null: there is no waveform "
        "here."
    )
