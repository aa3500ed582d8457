"""What an ECG looks like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Generic, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.ecgs.measurements import MEASURED_BY_DEVICE, MeasurementsIn, MeasurementsOut
from app.kit.pagination import Item, Page
from app.kit.text import Name
from app.kit.times import Time
from app.reports.schemas import OVERREAD, ReportOut
from ml.formats.ecg_file import FOLDS

Unit = Literal["mV", "SD", "unknown"]
Sex = Literal["male", "female", "unknown"]

ECG: dict[str, JsonValue] = {
    "id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
    "record": None,
    "waveform_sha256": "44b7e61201bf0eebf8e17fb972085cc3d722b632d18548e47e8daefe43c1948e",
    "samples": 5000,
    "sampling_rate_hz": 500.0,
    "duration_s": 10.0,
    "patient": "b45a65bd3e68871e1b104a8d27956b866a579f08871c30619529ea0818c03805",
    "recorded_at": "2026-03-01T10:00:00Z",
    "site": "north",
    "device": "MAC 2000",
    "device_software": "12SL v23",
    "location": "emergency",
    "order": None,
    "measurements": MEASURED_BY_DEVICE,
    "age": 67.0,
    "sex": "female",
    "fold": None,
    "simulated": False,
    "created_at": "2026-03-01T10:02:11.482136Z",
}
FIRST_SAMPLE = (-0.115, -0.05, 0.065, 0.082, -0.09, 0.007, -0.065, -0.04, -0.005, -0.035, -0.035, -0.075)


class EcgPage(Page[Item], Generic[Item]):
    """One page of a list of ECGs, all of one kind."""

    simulated: bool = Field(description="Whether simulated ECGs are listed or real ones.", examples=[False])


class EcgMetadata(BaseModel):
    """What is known of a recording besides its signal."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given

    record: Name | None = Field(
        default=None,
        description="The name its source gives the recording (an accession number): readings under it are this ECG's.",
    )
    patient_id: Name | None = Field(default=None, description="Kept only as a keyed hash.")
    recorded_at: Time | None = Field(default=None, description="Without an offset it is taken as UTC.")
    site: Name | None = None
    device: Name | None = None
    device_software: Name | None = Field(default=None, description="Version of the program that read it.")
    location: Name | None = Field(default=None, description="The care unit, such as `emergency`.")
    order_id: Name | None = Field(default=None, description="The order's number, kept only as a keyed hash.")
    measurements: MeasurementsIn = Field(default_factory=MeasurementsIn, description="What the device measured.")
    age: Annotated[float, Field(ge=0, le=130, description="Years.", allow_inf_nan=False)] | None = None
    sex: Sex = "unknown"
    fold: Annotated[
        int | None,
        Field(ge=FOLDS[0], le=FOLDS[1], description="Of a cross-validation: a dataset can be split by it."),
    ] = None
    simulated: bool = Field(default=False, description="Whether no patient was ever attached to this signal.")


class EcgSummary(BaseModel):
    """One recording."""

    model_config = ConfigDict(json_schema_extra={"examples": [ECG]})

    id: uuid.UUID
    record: str | None = Field(description="The name its source gives the recording.")
    waveform_sha256: str | None = Field(
        description="The waveform's identity: the same waveform is the same ECG. Null: only reports are known."
    )
    samples: int | None = Field(description="Samples a lead.")
    sampling_rate_hz: float | None
    duration_s: float | None
    patient: str | None = Field(description="Keyed hash of the patient number: equal for one patient's ECGs.")
    recorded_at: datetime | None
    site: str | None
    device: str | None
    device_software: str | None
    location: str | None = Field(description="The care unit.")
    order: str | None = Field(description="Keyed hash of the order's number.")
    measurements: MeasurementsOut | None = Field(description="What the device measured; null: it says nothing.")
    age: float | None
    sex: Sex
    fold: int | None = Field(description="Of a cross-validation, as its source gave it.")
    simulated: bool
    created_at: datetime


class EcgOut(EcgSummary):
    """One recording with its current readings."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**ECG, "reports": [OVERREAD], "conflicts": [], "from_file": ["recorded_at"]}]}
    )

    reports: list[ReportOut]
    conflicts: list[str] = Field(
        default_factory=list,
        description="Metadata fields of this upload that differ from what is stored for the same waveform; "
        "the stored values were kept.",
    )
    from_file: list[str] = Field(
        default_factory=list,
        description="Fields of the form that it did not fill in, and that this upload's file did.",
    )


class WaveformJson(BaseModel):
    """A waveform as numbers: raw `samples[lead][i]` in mV, or windows `samples[window][lead][i]` in SD."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ecg_id": ECG["id"],
                    "stage": "raw",
                    "unit": "mV",
                    "sampling_rate_hz": 500.0,
                    "leads": ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
                    "starts_s": [0.0],
                    "samples": [[mv] for mv in FIRST_SAMPLE],
                }
            ]
        }
    )

    ecg_id: uuid.UUID
    stage: Literal["raw", "window"]
    unit: Unit = Field(description="`unknown`: the file said that its amplitudes are not calibrated.")
    sampling_rate_hz: float
    leads: list[str]
    starts_s: list[float] = Field(description="Where each window begins; [0] for the raw waveform.")
    samples: list[list[float]] | list[list[list[float]]]
