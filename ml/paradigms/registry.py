"""The paradigms. To add one: write its module, and add one line here."""

from collections.abc import Mapping

from ml.paradigms import clip, negclip, self_training, supervised
from ml.paradigms.definition import Definition, Section
from ml.processes import own_code

PARADIGMS: Mapping[str, Definition] = {
    definition.name: definition
    for definition in (
        supervised.DEFINITION,
        self_training.DEFINITION,
        clip.DEFINITION,
        negclip.DEFINITION,
    )
}


def find(name: str, allow_own: bool = False) -> Definition:
    """Return the paradigm of this name. Where own code is allowed, `package.module:name` names a definition in it."""
    if name in PARADIGMS:
        return PARADIGMS[name]
    if ":" not in name:
        raise ValueError(f"no paradigm is called {name}; there are {', '.join(PARADIGMS)}")
    definition = own_code.load(name, allow_own)
    if not isinstance(definition, Definition):
        raise own_code.OwnCodeError(f"{name} is not a paradigm: it must be an ml.paradigms.definition.Definition")
    return definition


def sections() -> dict[str, type[Section]]:
    """Return every section of the registered paradigms, by name."""
    return {name: kind for each in PARADIGMS.values() for name, kind in each.sections.items()}
