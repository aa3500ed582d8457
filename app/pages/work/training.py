"""The form that starts a training: the values of a preset, field by field, as the configuration describes them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from app.models.schemas import Overrides, TrainingIn
from ml.paradigms.registry import PARADIGMS, sections
from ml.training.configuration import ONLY_CONTRASTIVE
from ml.training.presets import values_of

PARADIGM_WORDS: dict[str, str] = {
    "supervised": "Learns the labels of the reports directly.",
    "self_training": "Also learns from ECGs that nobody has over-read.",
    "clip": "Learns which statements belong to which ECG.",
    "negclip": "Like CLIP, with the machine's refuted statements as hard negatives.",
}
PRESET_WORDS: dict[str, str] = {
    "paper": "the paper's settings",
    "laptop": "small, for a laptop",
    "test": "a few minutes, to try it out",
    "resnet50": "the paper's settings, ResNet-50",
    "small": "the paper's settings, small network",
    "tiny": "the paper's settings, tiny network",
}


class Setting(NamedTuple):
    """A field of the form.

    Attributes
    ----------
    kind
        `number`, `boolean`, `choice`, `json` or `text`: how it is written.
    value
        What the preset says.
    """

    name: str
    words: str
    kind: str
    value: Any
    help: str = ""
    options: tuple[str, ...] = ()
    bounds: Mapping[str, float | str] = {}


def settings_of(paradigm: str, preset: str) -> list[tuple[str, list[Setting]]]:
    """Return the settings of a paradigm under a preset, by section; those that all paradigms share come first."""
    says = values_of(preset, PARADIGMS[paradigm])
    foreign = () if PARADIGMS[paradigm].contrastive else ONLY_CONTRASTIVE
    shared = [each for each in _settings(Overrides, "overrides", says) if each.name.split(".")[-1] not in foreign]
    groups = [("Training", shared)]
    for name, kind in PARADIGMS[paradigm].sections.items():
        title = name.replace("_", " ").capitalize()
        groups.append((title, _settings(kind, f"overrides.{name}", says.get(name, {}))))
    return groups


def _settings(model: type[BaseModel], path: str, says: Mapping[str, Any]) -> list[Setting]:
    described = model.model_json_schema()["properties"]
    found = []
    for name, field in model.model_fields.items():
        if name in sections():  # these have groups of their own
            continue
        value = says.get(name, field.get_default(call_default_factory=True))
        shown = Setting(f"{path}.{name}", name.replace("_", " "), "text", value, field.description or "")
        found.append(shown._replace(**_how(described[name])))
    return found


_KINDS = {"integer": "number", "number": "number", "boolean": "boolean", "object": "json"}
_BOUNDS = {"min": "minimum", "max": "maximum"}


def _how(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the value of a field is written, from its JSON schema."""
    schema = next((each for each in described.get("anyOf", ()) if each.get("type") != "null"), described)
    if "enum" in schema:
        return {"kind": "choice", "options": tuple(schema["enum"])}
    kind = _KINDS.get(schema.get("type", ""), "text")
    if kind != "number":
        return {"kind": kind}
    bounds = {name: schema[says] for name, says in _BOUNDS.items() if says in schema}
    return {"kind": kind, "bounds": {**bounds, "step": 1 if schema["type"] == "integer" else "any"}}


def in_short(paradigm: str, preset: str) -> list[tuple[str, Any]]:
    """Return the settings that are looked at first."""
    shared = {setting.name.rpartition(".")[2]: setting for setting in settings_of(paradigm, preset)[0][1]}
    first = (
        "encoder",
        "epochs",
        "min_steps",
        "batch_size",
        "learning_rate",
        "warmup_steps",
        "weight_decay",
        "patience",
    )
    return [(shared[name].words, shared[name].value) for name in first if shared[name].value]


def sources_of(paradigm: str) -> tuple[str, ...]:
    """Return whose reports a paradigm can learn from."""
    return PARADIGMS[paradigm].label_sources


DEFAULT_PRESET: str = TrainingIn.model_fields["preset"].default
DEFAULT_PARADIGM: str = TrainingIn.model_fields["paradigm"].default
