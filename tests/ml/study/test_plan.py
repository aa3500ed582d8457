from pathlib import Path

import pytest
from pydantic import ValidationError

from ml.study.configuration import Config
from ml.study.plan import arms
from ml.study.run import planned
from ml.training.presets import CONTRASTIVE, PRESETS

EVERY = ("supervised", "self_training", "clip", "negclip")


def study(**given):
    return Config.model_validate({"dataset": Path("corpus"), **given})


def test_by_default_supervised_learns_from_over_reads_and_from_the_machine_beside_a_random_encoder():
    listed = arms(study(), ["supervised"])
    assert [(arm.name, arm.options.get("label_source", "overread")) for arm in listed] == [
        ("supervised", "overread"),
        ("supervised_machine", "machine"),
        ("random_encoder", "overread"),
    ]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            {"paradigms": ["supervised", "self_training", "clip"]},
            "clip, self_training (asked for by self_training, clip)",
        ),
        ({"ablations": {"weights": [0.5]}}, "self_training (asked for by self_training_weight_0.5)"),
        ({"ablations": {"granularity": True}}, "negclip (asked for by negclip, negclip_report)"),
        ({"paradigms": ["telepathy"]}, "telepathy"),
    ],
)
def test_a_paradigm_that_is_not_registered_is_refused_by_name(asked, named):
    with pytest.raises(ValueError, match="no such paradigm") as refused:
        arms(study(**asked), ["supervised"])
    assert named in str(refused.value)
    assert "there are supervised" in str(refused.value)


def test_every_paradigm_and_ablation_is_an_arm():
    given = study(
        paradigms=EVERY,
        unlabelled="other",
        ablations={
            "granularity": True,
            "weights": [0.5, 1, 2],
            "unlabelled_fractions": [0.25, 1],
            "labelled_fractions": [0.05],
            "targets": ["diagonal", "masked"],
            "random_encoder": True,
        },
    )
    listed = {arm.name: arm.config(given, seed=3) for arm in arms(given, EVERY)}
    assert listed["self_training"]["unlabelled"] == "other"
    assert listed["self_training_weight_0.5"]["self_training"] == {"weight": 0.5}
    assert listed["self_training_unlabelled_0.25"]["self_training"] == {"fraction": 0.25}
    assert listed["supervised_labelled_0.05"]["labelled_fraction"] == 0.05
    assert listed["negclip_report"]["contrastive"] == {"unit": "report"}
    assert listed["clip_masked"]["contrastive"] == {"targets": "masked"}
    assert listed["random_encoder"]["freeze_encoder"] is True
    assert {config["seed"] for config in listed.values()} == {3}
    assert "unlabelled" not in listed["clip"]


def test_what_an_ablation_leaves_as_it_is_is_the_same_run():
    given = study(
        paradigms=EVERY, unlabelled="other", ablations={"weights": [1, 2], "targets": ["diagonal", "sigmoid"]}
    )
    folders = {arm.name: arm.folder(given, 0) for arm in arms(given, EVERY)}
    assert folders["self_training_weight_1"] == folders["self_training"]
    assert folders["negclip_diagonal"] == folders["negclip"]
    assert len(set(folders.values())) == len(folders) - 3


def test_what_the_preset_says_is_what_an_ablation_leaves_as_it_is():
    given = study(preset="tiny", paradigms=EVERY, unlabelled="other", ablations={"targets": ["bank", "diagonal"]})
    folders = {arm.name: arm.folder(given, 0) for arm in arms(given, EVERY)}
    assert folders["negclip_bank"] == folders["negclip"] != folders["negclip_diagonal"]


def test_a_run_s_folder_follows_from_what_its_preset_says(monkeypatch):
    arm, _ = arms(study(label_sources=["overread"]), ["supervised"])
    before = arm.folder(study(preset="laptop"), 0)
    monkeypatch.setitem(PRESETS, "laptop", {**PRESETS["laptop"], "batch_size": 63})
    assert arm.folder(study(preset="laptop"), 0) != before


def test_a_run_s_folder_follows_from_its_preset_in_sections_that_the_study_gives_too(monkeypatch):
    given = study(preset="tiny", paradigms=["negclip"], ablations={"granularity": True})
    before = {arm.name: arm.folder(given, 0) for arm in arms(given, EVERY)}
    says = {**CONTRASTIVE["tiny"], "contrastive": {"targets": "masked"}}
    monkeypatch.setitem(CONTRASTIVE, "tiny", says)
    after = {arm.name: arm.folder(given, 0) for arm in arms(given, EVERY)}
    assert before["negclip_report"] != after["negclip_report"]


def test_a_run_s_folder_follows_from_what_is_trained_and_not_from_where():
    arm, _ = arms(study(label_sources=["overread"]), ["supervised"])
    here = study(seeds=[0, 1], device="cpu", threads=2, draws=200, title="another")
    assert arm.folder(here, 0) == arm.folder(study(), 0)
    assert len({arm.folder(study(), 0), arm.folder(study(), 1), arm.folder(study(preset="small"), 0)}) == 3


def test_a_paradigm_s_sections_and_overrides_are_its_own():
    given = study(
        paradigms=EVERY,
        unlabelled="other",
        overrides={"epochs": 5, "contrastive": {"targets": "masked"}},
        paradigm_overrides={"clip": {"batch_size": 256}},
        ablations={"granularity": True},
    )
    configs = {arm.name: arm.config(given, 0) for arm in arms(given, EVERY)}
    assert "contrastive" not in configs["supervised"] and "batch_size" not in configs["negclip"]
    assert configs["clip"]["batch_size"] == 256
    assert configs["negclip_report"]["contrastive"] == {"targets": "masked", "unit": "report"}
    assert all(config["epochs"] == 5 for config in configs.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"seeds": []},
        {"seeds": [0, 0]},
        {"paradigms": ["supervised", "supervised"]},
        {"overrides": {"seed": 3}},
        {"paradigm_overrides": {"clip": {"dataset": "/etc"}}},
        {"ablations": {"weights": [-1]}},
        {"colour": "red"},
        {"draws": 10},
        {"grid": {"seed": [0, 1]}},
        {"grid": {"dataset": ["/etc"]}},
        {"grid": {"learning_rate": []}},
        {"grid": {"learning_rate": [1e-3, 0.001]}},
        {"grid": {"contrastive": [{}], "contrastive.targets": ["diagonal"]}},
        {"grid": {"Learning rate": [1]}},
        {"grid": {"encoder": ["x" * 101]}},
        {"grid": {"learning_rate": [1e-3], "text.width": [float("nan")]}},
        {"grid": {name: list(range(40)) for name in ("epochs", "batch_size")}},
    ],
)
def test_a_configuration_that_is_none_is_refused(wrong):
    with pytest.raises(ValidationError):
        study(**wrong)


def test_a_study_has_an_end():
    many = {"weights": [k / 100 for k in range(20)], "unlabelled_fractions": [k / 100 for k in range(1, 21)]}
    given = study(
        paradigms=EVERY,
        unlabelled="x",
        seeds=list(range(20)),
        ablations={**many, "labelled_fractions": many["unlabelled_fractions"]},
    )
    with pytest.raises(ValueError, match="at most 1000"):
        arms(given, EVERY)


def test_a_grid_is_every_combination_for_the_paradigms_that_have_the_settings():
    given = study(
        paradigms=["supervised", "clip"],
        preset="tiny",
        label_sources=["overread"],
        overrides={"contrastive": {"targets": "masked"}, "epochs": 4},
        grid={"learning_rate": [1e-3, 1e-2], "contrastive.unit": ["statement", "report"]},
        ablations={"random_encoder": False},
    )
    of_grid = {arm.name: arm for arm in arms(given, EVERY) if arm.grid}
    assert list(of_grid) == [
        "supervised_learning_rate=0.001",
        "supervised_learning_rate=0.01",
        "clip_learning_rate=0.001_contrastive.unit=statement",
        "clip_learning_rate=0.001_contrastive.unit=report",
        "clip_learning_rate=0.01_contrastive.unit=statement",
        "clip_learning_rate=0.01_contrastive.unit=report",
    ]
    last = of_grid["clip_learning_rate=0.01_contrastive.unit=report"]
    config = last.config(given, 0)
    assert (config["learning_rate"], config["epochs"]) == (1e-2, 4)
    assert config["contrastive"] == {"targets": "masked", "unit": "report"}
    assert last.title == "CLIP, learning_rate 0.01, contrastive.unit report"
    assert len({arm.folder(given, seed) for arm in of_grid.values() for seed in (0, 1)}) == 12


def test_the_combination_that_is_the_study_s_own_is_the_same_run():
    given = study(preset="tiny", grid={"encoder": ["tiny", "small"], "epochs": [100]})
    folders = {arm.name: arm.folder(given, 0) for arm in arms(given, EVERY)}
    assert folders["supervised_encoder=tiny_epochs=100"] == folders["supervised"]
    assert folders["supervised_encoder=small_epochs=100"] != folders["supervised"]


def test_the_preset_and_the_label_source_can_be_varied():
    given = study(grid={"preset": ["tiny", "small"], "label_source": ["overread", "machine"]})
    configs = [arm.config(given, 0) for arm in arms(given, EVERY) if arm.grid]
    tried = [(config["preset"], config["label_source"]) for config in configs]
    assert tried == [("tiny", "overread"), ("tiny", "machine"), ("small", "overread"), ("small", "machine")]


def test_a_setting_that_no_paradigm_has_is_refused():
    with pytest.raises(ValueError, match=r"none of the paradigms has the setting contrastive\.targets"):
        arms(study(grid={"contrastive.targets": ["masked"]}), EVERY)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"colour": ["red"]}, "supervised_colour=red cannot be trained: colour: Extra inputs"),
        ({"epochs": [1, 0]}, "supervised_epochs=0 cannot be trained: epochs: "),
        ({"batch_size": [64, 8], "accumulate": [1, 16]}, "a batch of 8 windows has no 16 parts"),
    ],
)
def test_a_combination_that_cannot_be_trained_is_refused_before_the_first_run(grid, words):
    with pytest.raises(ValueError, match="cannot be trained") as refused:
        planned(study(grid=grid))
    assert words in str(refused.value)
