"""The grid of a study: every combination of some settings' values, for each paradigm that has them."""

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, JsonValue, StringConstraints

MOST_RUNS = 1000
LONGEST_VALUE = 100

Setting = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}(\.[a-z][a-z0-9_]{0,40})?$")]
Grid = Annotated[
    dict[Setting, Annotated[tuple[JsonValue, ...], Field(min_length=1, max_length=50)]],
    Field(
        max_length=8,
        description="Settings of a run (`learning_rate`, `contrastive.targets`) and values; all combinations are run.",
    ),
]


def check_grid(grid: Mapping[str, Sequence[JsonValue]], seeds: int) -> None:
    """Raise `ValueError` for a grid that names a value or a setting twice, or has no end."""
    for setting, values in grid.items():
        named = [shown(value) for value in values]
        if long := next((name for name in named if len(name) > LONGEST_VALUE), None):
            raise ValueError(f"grid: {setting}: the value {long[:20]}… is longer than {LONGEST_VALUE} characters")
        if len(set(named)) < len(named):
            raise ValueError(f"grid: {setting}: a value appears twice")
        if section_of(setting) in grid:
            raise ValueError(f"grid: {section_of(setting)} and {setting} are both there")
    if (runs := math.prod(map(len, grid.values())) * seeds) > MOST_RUNS:
        raise ValueError(f"grid: {runs:,} training runs of each paradigm; a study has at most {MOST_RUNS:,}")


def combinations(
    grid: Mapping[str, Sequence[JsonValue]], paradigms: Sequence[str], has: Callable[[str, str], bool]
) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield a paradigm and a value of each setting that it has, for every combination of them.

    `has` says whether a paradigm has a setting, or the section of one. A paradigm without any of them is not varied.
    Raises `ValueError` for a setting that none of the paradigms has.
    """
    for setting in grid:
        if not any(has(paradigm, section_of(setting) or setting) for paradigm in paradigms):
            raise ValueError(f"grid: none of the paradigms has the setting {setting}")
    for paradigm in paradigms:
        own = [setting for setting in grid if has(paradigm, section_of(setting) or setting)]
        for values in itertools.product(*(grid[setting] for setting in own)) if own else ():
            yield paradigm, dict(zip(own, values, strict=True))


def nested(values: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return settings as a configuration has them: `a.b` is `b` in the section `a`."""
    found: dict[str, Any] = {}
    for setting, value in values.items():
        section = section_of(setting)
        if section is None:
            found[setting] = value
        else:
            found.setdefault(section, {})[setting.removeprefix(f"{section}.")] = value
    return found


def section_of(setting: str) -> str | None:
    """Return the section that a setting is in, if any."""
    section, dot, _ = setting.partition(".")
    return section if dot else None


def shown(value: JsonValue) -> str:
    """Return a value as names and tables show it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
