"""Filters of pairs as jobs keep them: the query parameters that say them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import validate_call

from app.disagreement import parameters
from app.disagreement.attributes import FILTERS
from app.disagreement.counting.selection import PairFilter, given, with_off_hours
from app.disagreement.off_hours import OffHours
from app.kit.times import written


def as_parameters(chosen: PairFilter) -> dict[str, Any]:
    """Return filters as the query parameters that say them, by name."""
    said = {FILTERS[name][1].alias or name: value for name, value in given(chosen).items()}
    return {name: written(value) if isinstance(value, datetime) else value for name, value in sorted(said.items())}


def from_parameters(said: Mapping[str, Any], off_hours: OffHours) -> PairFilter:
    """Return the filters that query parameters say. Raises `ValidationError` for what is none."""
    return with_off_hours(validate_call(parameters.pair_filter)(**said), off_hours)
