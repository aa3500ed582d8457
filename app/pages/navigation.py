"""The lines of the navigation: what there is, and from which role on it is shown."""

from typing import NamedTuple

from app.auth.service import Role, allows


class Line(NamedTuple):
    """One line: its address, its name, the weakest role that may open it, and further addresses that it stands for."""

    path: str
    name: str
    role: Role
    also: tuple[str, ...] = ()


NAV: tuple[Line, ...] = (
    Line("/disagreement", "Disagreement", "viewer"),
    Line("/ecgs", "ECGs", "viewer"),
    Line("/reviews", "Review", "reader"),
    Line("/vocabularies", "Vocabulary", "viewer"),
    Line("/datasets", "Datasets", "viewer"),
    Line("/models", "Models", "viewer", ("/evaluations", "/discrepancy-models")),
    Line("/jobs", "Jobs", "viewer"),
    Line("/try-it", "Try it", "reader"),
    Line("/people", "People", "admin"),
    Line("/audit", "Audit", "admin", ("/access-log",)),
)


def lines_for(role: str | None, path: str) -> list[tuple[Line, bool]]:
    """Return the lines that a role may open, each with whether the address `path` is below it."""
    if role is None:
        return []
    return [(line, _is_below(path, line)) for line in NAV if allows(role, line.role)]


def _is_below(path: str, line: Line) -> bool:
    return any(path == own or path.startswith(f"{own}/") for own in (line.path, *line.also))
