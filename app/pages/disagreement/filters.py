"""The form of filters, which follows from `FILTERS`, and the addresses that keep what was chosen in it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote_plus

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from app.disagreement.attributes import ATTRIBUTES, FILTERS, GROUPINGS, Attribute, Filter, GroupKey
from app.disagreement.counting.queries import known_names
from app.kit.times import Time
from app.pages.disagreement.words import name_of, value_of

NOT_IN_FILES = {
    "/disagreement/table.csv": ("order", "number", "label"),
    "/disagreement/table.svg": ("number",),
}
"""Parameters of a page that its files do not have: a table as CSV is whole."""
MOST_NAMES = 200
"""Names that a choice offers; where there are more, the name is written."""

_TIME: TypeAdapter[datetime] = TypeAdapter(Time)

Given = Sequence[tuple[str, str]]
"""Parameters of an address, in order."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control of the form. `kind` is `choice`, or the type of an input."""

    name: str
    label: str
    kind: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    help: str = ""


@dataclass(frozen=True)
class Field:
    """What the form asks of one attribute: one control, or the two ends of a range."""

    label: str
    controls: tuple[Control, ...]
    is_first: bool  # shown at once: questions about it are answered from totals

    @property
    def is_set(self) -> bool:
        """Whether something is chosen in it."""
        return any(control.value for control in self.controls)


@dataclass(frozen=True)
class Chip:
    """A filter that is active, and the address of the page without it."""

    name: str
    value: str
    without: str


def parameter(asked: Filter) -> str:
    """Return a filter's name in an address."""
    return asked.alias or asked.name


FILTER_PARAMETERS = {parameter(asked): name for name, (_, asked) in FILTERS.items()}
"""Filters by their names in an address."""


@cache
def _blank() -> tuple[tuple[Attribute, Field], ...]:
    """Return the form without values, as the types of `FILTERS` describe it."""
    return tuple(
        (attribute, Field(_heading(attribute), tuple(map(_control, attribute.filters)), attribute.facet is not None))
        for attribute in ATTRIBUTES
        if attribute.filters
    )


def _heading(attribute: Attribute) -> str:
    first = attribute.filters[0].name
    return name_of(attribute.column if len(attribute.filters) > 1 else first)


def _control(asked: Filter) -> Control:
    schema = TypeAdapter(asked.type).json_schema()
    kind = next(each for each in schema["anyOf"] if each.get("type") != "null")
    name = parameter(asked)
    label = {"from": "from", "to": "before"}.get(name) or (
        "from" if name.endswith("_min") else "to" if name.endswith("_max") else name_of(name)
    )
    control = Control(name=name, label=label, kind="text", help=schema.get("description", ""))
    limits = [(ours, kind[theirs]) for ours, theirs in (("min", "minimum"), ("max", "maximum")) if theirs in kind]
    values: Iterable[str] | None = None
    if "enum" in kind:
        values = kind["enum"]
    elif kind["type"] == "boolean":
        values = ("false", "true")
    elif kind["type"] == "integer" and len(limits) == 2:
        values = map(str, range(kind["minimum"], kind["maximum"] + 1))
    if values is not None:
        return replace(control, kind="choice", options=tuple((value, value_of(name, value)) for value in values))
    if kind.get("format") == "date-time":
        return replace(control, kind="date")
    if kind["type"] in ("number", "integer"):
        written = tuple((end, f"{limit:g}") for end, limit in limits)
        return replace(control, kind="number", limits=(*written, ("step", "any")))
    return replace(control, limits=(("maxlength", str(kind["maxLength"])),))


def fields(session: Session, given: Given, *, simulated: bool, prefix: str = "") -> list[Field]:
    """Return the form with what was given. Names are offered that an ECG of the kind, or an over-read, has."""
    names = known_names(session, simulated=simulated, limit=MOST_NAMES)
    values = dict(given)
    found = []
    for attribute, field in _blank():
        named = [(prefix + control.name, control) for control in field.controls]
        controls = [
            _filled(control, attribute, name=name, value=values.get(name, ""), names=names) for name, control in named
        ]
        found.append(replace(field, controls=tuple(controls)))
    return found


def _filled(
    control: Control, attribute: Attribute, *, name: str, value: str, names: Mapping[str, list[str]]
) -> Control:
    if attribute.name is not None and len(known := names.get(attribute.name, [])) <= MOST_NAMES:
        options = tuple((each, each) for each in known)
        return replace(control, name=name, kind="choice", options=options, value=value, limits=())
    if control.kind == "date" and value and len(value) != len("2026-01-01"):
        # a time of the day, which a field for dates would lose
        return replace(control, name=name, kind="text", value=value)
    return replace(control, name=name, value=value)


class Links:
    """The addresses of a page: each keeps the filters, and changes one thing."""

    def __init__(self, path: str, given: Given) -> None:
        self.path = path
        self.given = list(given)
        self.filters = [(name, value) for name, value in self.given if name in FILTER_PARAMETERS or name == "hedged"]

    def own(self, also: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return the parameters that a form of filters, and of `also`, has no field for: it sends them along."""
        asked = {*FILTER_PARAMETERS, "hedged", "group_by", "cursor", *also}
        return [(name, value) for name, value in self.given if name not in asked]

    def file(self, path: str) -> str:
        """Return the address of a file with the numbers or the figure of this page."""
        return _address(path, self.given, dict.fromkeys(NOT_IN_FILES.get(path, ())))

    def to(self, path: str, changed: Mapping[str, str | None] | None = None, **also: str | None) -> str:
        """Return the address of another page about the same pairs; what is None is left out."""
        return _address(path, self.filters, {**(changed or {}), **also})

    def here(self, changed: Mapping[str, str | Sequence[str] | None] | None = None, **also: Any) -> str:
        """Return this page's address with something changed; what is None is left out, and a cursor always."""
        return _address(self.path, self.given, {"cursor": None, **(changed or {}), **also})

    def side(self, prefix: str) -> "Links":
        """Return the addresses of one of two choices of pairs."""
        own = [(name.removeprefix(prefix), value) for name, value in self.given if name.startswith(prefix)]
        return Links(self.path, [*own, *((name, value) for name, value in self.given if name == "hedged")])

    def compared(self) -> str:
        """Return the address of the comparison of these pairs with others, which are not chosen yet."""
        return _address(
            "/disagreement/compare",
            [(name if name == "hedged" else f"a.{name}", value) for name, value in self.filters],
            {},
        )

    def group(self, groups: Mapping[str, GroupKey]) -> dict[str, str] | None:
        """Return the parameters that choose a group alone; None where they would not.

        They would not where the group is what is not known. A range that is chosen already is kept where it is the
        narrower one.
        """
        found: dict[str, str] = {}
        for grouping, value in groups.items():
            parameters = GROUPINGS[grouping][1].chosen(value)
            if parameters is None:
                return None
            found |= parameters
        return {name: _narrower(name, value, dict(self.filters).get(name)) for name, value in found.items()}

    def chips(self, names: Collection[str] = (), prefix: str = "") -> list[Chip]:
        """Return the active filters, and of the other parameters those of `names`."""
        return [
            Chip(
                _chip_name(name.removeprefix(prefix)),
                _chip_value(name.removeprefix(prefix), value),
                self.here({name: None}),
            )
            for name, value in self.given
            if name.startswith(prefix) and (name.removeprefix(prefix) in FILTER_PARAMETERS or name in names)
        ]


def _narrower(name: str, value: str, given: str | None) -> str:
    """Return the narrower of two ends of a range; of anything else the first."""
    if given is None:
        return value
    if name in ("from", "to"):
        return (max if name == "from" else min)(value, given, key=_TIME.validate_python)
    if name.endswith(("_min", "_max")):
        return (max if name.endswith("_min") else min)(value, given, key=float)
    return value


def _chip_name(name: str) -> str:
    if name in ("from", "to"):
        return "Recorded from" if name == "from" else "Recorded before"
    for end, words in (("_min", "at least"), ("_max", "at most")):
        if name.endswith(end):
            return f"{name_of(name.removesuffix(end))} {words}"
    return name_of(name)


def _chip_value(name: str, value: str) -> str:
    if name.endswith("_max"):
        try:
            number = float(value)
        except ValueError:
            return value
        if 0 < -(-number // 1) - number < 1e-9:  # the end of a decade
            return f"just below {number:.0f}"
    return value_of(name, value)


def _address(path: str, given: Given, changed: Mapping[str, Any]) -> str:
    kept = [(name, value) for name, value in given if name not in changed]
    for name, value in changed.items():
        if isinstance(value, str):
            kept.append((name, value))
        elif value is not None:
            kept += [(name, each) for each in value]
    return f"{path}?{'&'.join(_parameter(name, value) for name, value in kept)}" if kept else path


@lru_cache(4096)  # a page has hundreds of addresses of the same few parameters
def _parameter(name: str, value: str) -> str:
    return f"{quote_plus(name)}={quote_plus(value)}"
