"""Requests for exports, and what one gives."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, validate_call

from app.disagreement import parameters
from app.disagreement.attributes import FILTERS
from app.disagreement.counting.selection import PairFilter, given, with_off_hours
from app.disagreement.off_hours import OffHours
from app.kit.times import written

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
        return with_off_hours(validate_call(parameters.pair_filter)(**self.filters), off_hours)


def as_parameters(chosen: PairFilter) -> dict[str, Any]:
    """Return filters as the query parameters that say them, by name."""
    said = {FILTERS[name][1].alias or name: value for name, value in given(chosen).items()}
    return {name: written(value) if isinstance(value, datetime) else value for name, value in sorted(said.items())}
