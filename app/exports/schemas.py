"""Requests for exports, and what one gives."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.disagreement.counting.selection import PairFilter
from app.disagreement.off_hours import OffHours
from app.disagreement.written import from_parameters

What = Literal["pairs", "findings", "reports", "measurements", "waveforms"]

REQUESTED: dict[str, JsonValue] = {
    "what": ["pairs"],
    "filters": {"simulated": False, "site": "north"},
    "text": False,
}


class ExportIn(BaseModel):
    """What is exported: the parameters of the job. `filters` are query parameters of the disagreement table."""

    model_config = ConfigDict(extra="forbid")

    what: Annotated[list[What], Field(min_length=1)]
    filters: dict[str, Any]
    text: bool = False

    def chosen(self, off_hours: OffHours) -> PairFilter:
        """Return the filters. Raises `ValidationError` for what is none."""
        return from_parameters(self.filters, off_hours)
