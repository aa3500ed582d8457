"""When nobody of the day's staff is in: a setting of the service."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.settings import Settings

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class OffHours:
    """Hours from `start` until `end` (0–23, over midnight where `end` is less; none where they are equal), whole days.

    Days are 1–7, Monday first. Both are in the site's time zone.
    """

    start: int = 17
    end: int = 8
    days: tuple[int, ...] = (6, 7)

    @classmethod
    def of(cls, settings: Settings) -> "OffHours":
        """Return what the settings say."""
        start, end = (int(hour) for hour in settings.off_hours.split("-"))
        return cls(start, end, settings.off_days)

    def sql(self) -> str:
        """Return the SQL of whether a pair's `hour` and `weekday` are off-hours; NULL where they are not known."""
        within = f"hour >= {self.start:d} {'AND' if self.start <= self.end else 'OR'} hour < {self.end:d}"
        days = ", ".join(f"{day:d}" for day in (0, *self.days))
        return f"CASE WHEN hour >= 0 THEN weekday IN ({days}) OR {within} END"

    def among(self, hour: Integers, weekday: Integers) -> Integers:
        """Return 1 where the hour of a weekday is an off-hour, 0 where it is not, -1 where it is not known."""
        late, early = hour >= self.start, hour < self.end
        within = late & early if self.start <= self.end else late | early
        return np.where(hour < 0, -1, within | np.isin(weekday, self.days))
