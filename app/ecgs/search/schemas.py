"""What a search for ECGs is asked with."""

from pydantic import BaseModel, ConfigDict

from app.kit.text import Name


class PatientIn(BaseModel):
    """Whose ECGs are searched for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"patient_id": "4711"}]})

    patient_id: Name
