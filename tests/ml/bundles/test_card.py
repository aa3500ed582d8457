import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from ml.bundles import card, patients
from ml.bundles.bundle import Manifest, read_file, read_manifest


@pytest.fixture(scope="module")
def manifest(bundle_folder):
    return read_manifest(bundle_folder)


@pytest.fixture(scope="module")
def text(bundle_folder, manifest):
    return read_file(bundle_folder, manifest, "card.md").decode()


def test_the_card_says_what_it_is_and_what_it_is_not_for(text, manifest):
    assert "Not for clinical use" in text
    headings = re.findall("^## (.+)$", text, re.MULTILINE)
    assert headings == [
        "Data",
        "Preprocessing",
        "Training",
        "Metrics",
        "Subgroups",
        "Thresholds and calibration",
        "In 8-bit integers",
        "Limits",
    ]
    for said in (manifest.dataset_sha256, manifest.weights_sha256, "`high_pass_hz` | `0.5`", "labels of the over-read"):
        assert said in text


def test_its_figures_are_the_bundle_s_against_both_readings(text, manifest):
    for reading in ("overread", "machine"):
        fast = manifest.metrics[reading]["labels"]["fast"]
        low, high = fast["auroc_ci"]
        assert f"| {fast['auroc']:.3f} [{low:.3f}–{high:.3f}] |" in text
    assert "| Never seen | 0 | – (no window is positive) |" in text
    assert "Not measured, because the test split has one class only: Never seen." in text


def test_every_plot_it_shows_is_in_the_bundle_and_is_svg(bundle_folder, manifest, text):
    shown = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert sorted(shown) == ["plots/pr.svg", "plots/reliability.svg", "plots/roc.svg", "plots/training.svg"]
    for name in shown:
        assert ElementTree.fromstring(read_file(bundle_folder, manifest, name)).tag.endswith("svg")


def test_the_whole_evaluation_is_beside_it(bundle_folder, manifest):
    measured = json.loads(read_file(bundle_folder, manifest, "evaluation.json"))
    assert measured["machine"]["macro_auroc"] == manifest.metrics["machine"]["macro_auroc"]
    assert len(measured["overread"]["labels"]["fast"]["curves"]["pr"]["value"]) == 101
    assert read_file(bundle_folder, manifest, "evaluation.csv").startswith(b"reading,attribute,group,label,")


def test_every_epoch_is_in_the_training_history(manifest):
    history = manifest.training["history"]
    assert [epoch["epoch"] for epoch in history] == list(range(1, manifest.training["ended_after"] + 1))
    best = history[manifest.training["best_epoch"] - 1]
    assert best["validation_macro_auprc"] == manifest.training["best_validation_macro_auprc"]


def test_the_same_model_has_the_same_files(bundle_folder, manifest):
    measured = json.loads(read_file(bundle_folder, manifest, "evaluation.json"))
    again = card.files(manifest, measured)
    described = manifest.files.keys() - {patients.FILE}  # whose salt is new each time
    assert {name: read_file(bundle_folder, manifest, name) for name in described} == again


def test_words_from_elsewhere_mean_nothing_to_markdown(manifest):
    evil = "x](http://evil) <script>|\n# shouting"
    changed = {**manifest.to_dict(), "attribution": evil, "paradigm": evil}
    text = card.files(Manifest.model_validate(changed), {})["card.md"].decode()
    assert "<script>" not in text.replace("\\<", "")
    assert "\n# shouting" not in text
    assert "x\\](http" in text


def test_without_a_test_split_the_card_says_so(manifest):
    made = card.files(Manifest.model_validate({**manifest.to_dict(), "metrics": {}}), {})
    assert b"The test split is empty" in made["card.md"]
    assert set(made) == {"card.md", "plots/training.svg"}


HOSTILE = ["AF $\\frac{", "$", "$x$ & <b>", "NUL \x00 U+FFFF \uffff", "a\\b{c}_d^e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_label_name_can_be_plotted(manifest, bundle_folder, name):
    measured = json.loads(read_file(bundle_folder, manifest, "evaluation.json"))
    labels = [{**label, "name": name} for label in manifest.to_dict()["labels"]]
    made = card.files(Manifest.model_validate({**manifest.to_dict(), "labels": labels}), measured)
    assert {"plots/training.svg", "plots/roc.svg", "plots/pr.svg", "plots/reliability.svg"} <= made.keys()
    for file, content in made.items():
        if file.endswith(".svg"):
            ElementTree.fromstring(content)
    assert b"could not be drawn" not in made["card.md"]


def test_a_plot_that_cannot_be_drawn_is_named_and_loses_nothing_else(manifest, bundle_folder):
    measured = json.loads(read_file(bundle_folder, manifest, "evaluation.json"))
    drawers = card.drawers_of(manifest, measured)

    def fails():
        raise ValueError("no [font]")

    made = card.files(manifest, measured, {**drawers, "plots/roc.svg": fails})
    assert "plots/roc.svg" not in made and {"plots/pr.svg", "card.md", "evaluation.csv"} <= made.keys()
    text = made["card.md"].decode()
    assert "this plot could not be drawn (ValueError: no \\[font\\])" in text and "](plots/roc.svg)" not in text


def test_the_card_names_the_labels_of_its_macro_figures(text):
    assert "Macro figures are over the same 2 labels on both sides" in text
    assert "Left out of them: Never seen." in text
