"""From a study's configuration to its training runs."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ml.paradigms.registry import PARADIGMS, sections
from ml.study.configuration import Config, Plan
from ml.study.grid import MOST_RUNS, combinations, nested, shown
from ml.training.configuration import ONLY_CONTRASTIVE
from ml.training.configuration import Config as TrainingConfig
from ml.training.presets import on_preset

CONTRASTIVE = tuple(name for name, each in PARADIGMS.items() if each.contrastive)


@dataclass(frozen=True)
class Arm:
    """One configuration that a study compares, trained once for each seed.

    Attributes
    ----------
    name
        Its name in files; `title` is its name in tables.
    options
        The settings of its training runs, besides dataset and seed.
    grid
        Of an arm of the study's grid: the settings that were varied, with its values.
    """

    name: str
    title: str
    options: Mapping[str, Any]
    grid: Mapping[str, Any] = field(default_factory=dict)

    def config(self, study: Config, seed: int) -> dict[str, Any]:
        """Return the training run's `config.json` under a seed."""
        common: dict[str, Any] = {"dataset": str(study.dataset), "preset": study.preset, "hedged": study.hedged}
        where = {"device": study.device, "threads": study.threads}
        paradigm = self.options["paradigm"]
        overrides = {**study.overrides, **study.paradigm_overrides.get(paradigm, {})}
        fitting = {name: value for name, value in overrides.items() if _has(paradigm, name)}
        config = {**common, **where, **fitting, **self.options, "seed": seed}
        if PARADIGMS[paradigm].unlabelled:
            config["unlabelled"] = str(study.unlabelled) if study.unlabelled is not None else None
        return {name: value for name, value in config.items() if value is not None}

    def folder(self, study: Config, seed: int) -> str:
        """Return the name of the run folder. It depends on what is trained: a growing study keeps finished runs."""
        config = self.config(study, seed)
        whole = on_preset(config, PARADIGMS[config["paradigm"]])  # a release may change what a preset says
        what = {name: value for name, value in whole.items() if name not in ("device", "threads")}
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        return f"{self.options['paradigm']}-{seed}-{digest[:12]}"


def arms(study: Plan, registered: Collection[str]) -> list[Arm]:
    """Return the arms of a study, each once.

    Raises
    ------
    ValueError
        If a paradigm is not registered; the message names every such paradigm and the arms that need it.
    """
    listed = {arm.name: arm for arm in _wanted(study)}
    unknown = sorted({arm.options["paradigm"] for arm in listed.values()} - set(registered))
    if unknown:
        asking = [arm.name for arm in listed.values() if arm.options["paradigm"] in unknown]
        raise ValueError(
            f"no such paradigm: {', '.join(unknown)} (asked for by {', '.join(asking)});"
            f" there are {', '.join(sorted(registered))}"
        )
    if len(listed) * len(study.seeds) > MOST_RUNS:
        raise ValueError(f"{len(listed) * len(study.seeds)} training runs; a study has at most {MOST_RUNS}")
    return list(listed.values())


def _wanted(study: Plan) -> Iterator[Arm]:
    for paradigm in study.paradigms:
        yield Arm(paradigm, _title(paradigm), {"paradigm": paradigm})
    if "supervised" in study.paradigms and "machine" in study.label_sources:
        options = {"paradigm": "supervised", "label_source": "machine"}
        yield Arm("supervised_machine", f"{_title('supervised')} on machine labels", options)
    ablations = study.ablations
    if ablations.granularity:
        yield Arm("negclip", _title("negclip"), {"paradigm": "negclip"})
        title = f"{_title('negclip')}, whole reports"
        yield Arm("negclip_report", title, _contrastive(study, "negclip", unit="report"))
    for weight in ablations.weights:
        title = f"{_title('self_training')}, λ = {weight:g}"
        yield Arm(f"self_training_weight_{weight:g}", title, _self_training(study, weight=weight))
    for fraction in ablations.unlabelled_fractions:
        title = f"{_title('self_training')}, {100 * fraction:g} % of the unlabelled"
        yield Arm(f"self_training_unlabelled_{fraction:g}", title, _self_training(study, fraction=fraction))
    for fraction in ablations.labelled_fractions:
        for paradigm in [name for name in ("supervised", "self_training") if name in study.paradigms]:
            title = f"{_title(paradigm)}, {100 * fraction:g} % labelled"
            yield Arm(f"{paradigm}_labelled_{fraction:g}", title, {"paradigm": paradigm, "labelled_fraction": fraction})
    for targets in ablations.targets:
        for paradigm in [name for name in CONTRASTIVE if name in study.paradigms]:
            title = f"{_title(paradigm)}, {targets.replace('_', ' ')} targets"
            yield Arm(f"{paradigm}_{targets}", title, _contrastive(study, paradigm, targets=targets))
    yield from _of_the_grid(study)
    if ablations.random_encoder:
        yield Arm("random_encoder", "Random encoder, linear probe", {"paradigm": "supervised", "freeze_encoder": True})


def _of_the_grid(study: Plan) -> Iterator[Arm]:
    known = [paradigm for paradigm in study.paradigms if paradigm in PARADIGMS]
    for paradigm, values in combinations(study.grid, known, _has):
        said = {setting: shown(value) for setting, value in values.items()}
        name = "_".join([paradigm, *(f"{setting}={value}" for setting, value in said.items())])
        title = ", ".join([_title(paradigm), *(f"{setting} {value}" for setting, value in said.items())])
        yield Arm(name, title, {"paradigm": paradigm, **_varied(study, paradigm, values)}, values)


def _varied(study: Plan, paradigm: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an arm that varies settings; none where it is the study's own run: one run serves both."""
    given = {**study.overrides, **study.paradigm_overrides.get(paradigm, {})}
    options = {
        setting: {**given.get(setting, {}), **value} if setting in sections() and isinstance(value, dict) else value
        for setting, value in nested(values).items()
    }
    own = Arm(paradigm, paradigm, {"paradigm": paradigm}), Arm(paradigm, paradigm, {"paradigm": paradigm, **options})
    anywhere = Config.model_validate({**study.model_dump(), "dataset": "dataset", "unlabelled": "unlabelled"})
    try:
        before, after = (_whole(TrainingConfig.model_validate(arm.config(anywhere, study.seeds[0]))) for arm in own)
    except ValidationError:  # of what cannot be trained, or own code: who runs the study says so
        return options
    return {} if before == after else options


def _whole(config: TrainingConfig) -> dict[str, Any]:
    """Return all of a run's settings: a section that is not given has its defaults."""
    defaults = {name: section().model_dump(exclude_none=True) for name, section in config.definition().sections.items()}
    return {**defaults, **config.model_dump(exclude_none=True)}


def _title(paradigm: str) -> str:
    return PARADIGMS[paradigm].title if paradigm in PARADIGMS else paradigm


def _has(paradigm: str, setting: str) -> bool:
    """Return whether an override is for a paradigm: a section is only for the paradigms that have it."""
    if setting in ONLY_CONTRASTIVE:
        return PARADIGMS[paradigm].contrastive
    return setting not in sections() or setting in PARADIGMS[paradigm].sections


def _contrastive(study: Plan, paradigm: str, **options: Any) -> dict[str, Any]:
    values = {f"contrastive.{name}": value for name, value in options.items()}
    return {"paradigm": paradigm, **_varied(study, paradigm, values)}


def _self_training(study: Plan, **options: Any) -> dict[str, Any]:
    values = {f"self_training.{name}": value for name, value in options.items()}
    return {"paradigm": "self_training", **_varied(study, "self_training", values)}
