"""The parts of a vocabulary that are about coded statements."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import StringConstraints

from ml.labeling.findings import Status
from ml.labeling.parts import Key, Name, Part, Switched
from ml.labeling.yaml_text import Place


class Codes(Switched):
    """Codes of one system that mention labels."""

    system: Name
    labels: tuple[Key, ...]
    codes: tuple[Name, ...]
    status: Status = "present"


class Modifiers(Part):
    """Codes that say something of other codes of their statement.

    `before`, `after`: they belong to the code before, or after, them; `both`: they join those two. What stands behind
    one with a `status` has it where it would be present; where it joins two ("or"), so has what stands before it.
    """

    binds: Literal["before", "after", "both"]
    status: Status | None = None
    codes: tuple[Name, ...]


class CodeSystem(Part):
    """What is to know of a code system beside the codes that mention labels.

    `separator` stands between the codes of one statement: "ASMI;AU". The codes under `none` mention no label.
    """

    name: Name
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    modifiers: tuple[Modifiers, ...] = ()
    none: tuple[Name, ...] = ()


def codes_of_two_kinds(codes: Sequence[Codes], systems: Sequence[CodeSystem]) -> Iterator[tuple[Place, str]]:
    """Yield the place of each system that is listed twice, and of each code under `none` that mentions a label."""
    labelled = defaultdict[str, set[str]](set)
    for entry in codes:
        labelled[entry.system].update(entry.codes)
    names = set[str]()
    for i, system in enumerate(systems):
        if system.name in names:
            yield ("code_systems", i, "name"), f"twice: {system.name}"
        names.add(system.name)
        for j, code in enumerate(system.none):
            if code in labelled[system.name]:
                yield ("code_systems", i, "none", j), f"mentions a label under codes: {code}"
