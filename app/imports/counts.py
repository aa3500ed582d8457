"""What an import has done, and how fast."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from app.kit.database import Json


@dataclass
class Imported:
    """Counts of an import.

    Attributes
    ----------
    found, total
        ECGs of the archive that were looked at, and how many there are (0: not counted).
    ecgs, reports, known
        New ECGs; new versions of reports; reports that were stored already.
    signals
        By what became of them: `read`, `unchanged` (read in an earlier import), `missing`, `refused`.
    readings
        By source, whether stored or known.
    refused
        Files and rows, by the code of each reason.
    refused_before, passed
        What was refused before this import, and how much of it is no longer.
    conflicts
        By field: ECGs of which something else is stored, which was kept.
    labels
        In a dry run: texts in which a label was found, by label.
    unread
        New reports (in a dry run: texts) in a language that the active vocabulary does not have.
    erased
        Readings, or ECGs without one, that were erased once and therefore are not stored.
    """

    found: int = 0
    total: int = 0
    ecgs: int = 0
    reports: int = 0
    known: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    readings: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    refused_before: int = 0
    passed: int = 0
    conflicts: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    erased: int = 0

    def add(self, more: "Imported") -> None:
        """Add the counts of another import."""
        for name, value in vars(more).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def as_json(self) -> Json:
        """Return the counts, those of nothing left out."""
        counts = {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}
        return {name: value for name, value in counts.items() if value or name in ("found", "ecgs", "reports", "known")}


class Pace:
    """Tells now and then how far an import is: at most once in `every_s` seconds.

    The rate is that since the first call: before it processes were started.
    """

    def __init__(self, tell: Callable[[float, str], None], every_s: float) -> None:
        """`tell` gets the fraction that is done, and a message."""
        self._tell = tell
        self._every_s = every_s
        self._first: tuple[float, int] | None = None
        self._told = 0.0

    def __call__(self, imported: Imported) -> None:
        """Tell, unless it was told a moment ago."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._told = (now, imported.found), now
        if now - self._told < self._every_s:
            return
        self._told = now
        began, begun = self._first
        rate = (imported.found - begun) / (now - began)
        words = [f"{imported.found:,} of {imported.total:,} ECGs" if imported.total else f"{imported.found:,} ECGs"]
        words.append(f"{rate:,.0f} a second")
        if imported.total > imported.found and rate:
            words.append(f"{_time((imported.total - imported.found) / rate)} left")
        if imported.refused:
            words.append(f"{imported.refused.total():,} refused")
        self._tell(imported.found / imported.total if imported.total else 0.0, ", ".join(words))


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
