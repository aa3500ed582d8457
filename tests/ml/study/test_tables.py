"""A result as four paradigms and every sweep would leave it, without training any."""

import xml.etree.ElementTree as ElementTree

import pytest

from ml.paradigms.registry import PARADIGMS
from ml.study import page, tables
from ml.study.figures import FIGURES, figures

GRID = [k / 100 for k in range(101)]


def figure(value, spread=0.01):
    return {"value": value, "ci": [value - spread, value + spread], "seed_sd": None}


def arm(name, auprc):
    part = {"auroc": figure(0.9), "auprc": figure(auprc)}
    none = {"value": None, "ci": None, "seed_sd": None, "undefined": "not both classes in the test split"}
    curve = {"value": GRID, "low": GRID, "high": GRID}
    against = {
        "macro": part,
        "macro_over": ["a"],
        "labels": {"a": part, "never": {"auroc": none, "auprc": none}},
        "macro_curves": {"roc": curve, "pr": curve},
    }
    trained = {"seed": 0, "folder": name, "best_epoch": 1, "ended_after": 2, "best_validation_macro_auprc": auprc}
    return {"name": name, "title": name, "runs": [trained], "overread": against, "machine": against}


@pytest.fixture
def result():
    sweeps = ["self_training_weight_0", "self_training_weight_0.5", "self_training_unlabelled_0.5"]
    names = [*PARADIGMS, "supervised_machine", "negclip_report", *sweeps]
    return {
        "title": "All of it",
        "plan": {
            "ablations": {"weights": [0.5, 0], "unlabelled_fractions": [0.5]},
            "seeds": [0],
            "draws": 100,
            "preset": "tiny",
            "hedged": "positive",
        },
        "dataset": {"sha256": "0" * 64, "windows": 9, "ecgs": 9, "patients": 9, "simulated": 9, "splits": {}},
        "labels": [{"key": "a", "name": "A"}, {"key": "never", "name": "Never"}],
        "macro_over": ["a"],
        "table_a1": [],
        "arms": [arm(name, 0.5 + k / 100) for k, name in enumerate(names)],
        "comparisons": [],
    }


def test_sweeps_are_in_order_and_the_unlabelled_begin_with_supervised(result):
    assert [row["weight"] for row in tables.figure_a3(result)] == [0, 0.5]
    shares = tables.figure_a4(result)
    assert [row["unlabelled_fraction"] for row in shares] == [0, 0.5]
    assert shares[0]["test_macro_auprc"] == 0.5  # supervised's


def test_every_table_and_figure_of_the_paper_is_made(result):
    names = {"table_1", "table_2", "figure_3", "figure_a2", "figure_a3", "figure_a4", "arms"}
    assert set(tables.files(result)) == {f"tables/{name}.csv" for name in names}
    drawn, missing = figures(result)
    pictures = {"figure_3", "figure_a2", "figure_a3", "figure_a4", "label_source"}
    assert set(drawn) == {f"figures/{name}.{form}" for name in pictures for form in ("svg", "png")}
    assert figures(result).files == drawn and missing == {}


def test_the_best_of_a_row_is_bold_and_the_second_underlined(result):
    text = page.html(result, {}, {})
    assert '<span class="best">53.0 [52.0–54.0]</span>' in text  # negclip's AUPRC
    assert '<span class="second">52.0 [51.0–53.0]</span>' in text
    assert "Simulated ECGs" in text and "about the simulator" in text


def test_a_figure_that_cannot_be_drawn_is_named_on_the_page_and_the_others_are_there(result):
    def fails(_):
        raise ValueError("no <font>")

    drawn, missing = figures(result, ("svg",), {**FIGURES, "figure_a3": fails})
    assert missing == {"figure_a3": "ValueError: no <font>"}
    assert set(drawn) == {f"figures/{name}.svg" for name in FIGURES if name != "figure_a3"}
    assert "It could not be drawn: ValueError: no &lt;font&gt;" in page.html(result, drawn, missing)


def test_any_label_name_can_be_plotted(result):
    result["labels"][0]["name"] = "AF $\\frac{ \x00\uffff"
    drawn, missing = figures(result, ("svg",))
    assert missing == {} and len(drawn) == len(FIGURES)
    for content in drawn.values():
        ElementTree.fromstring(content)


def test_the_labels_of_macro_figures_are_named_in_tables_and_on_the_page(result):
    assert tables.table_1(result)[-1]["name"] == "Macro over 1 labels"
    macro = [row for row in tables.every_arm(result) if row["label"] == "macro"]
    assert {row["macro_over"] for row in macro} == {"a"}
    assert "over the same 1 labels against either source" in page.html(result, {}, {})
