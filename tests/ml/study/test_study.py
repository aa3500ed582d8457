import csv
import json
import re
import shutil

import pytest

from ml.corpus.store import Store
from ml.study.run import run
from ml.study.tables import disagreement

QUICK = {"precision": "fp32", "epochs": 2, "batch_size": 8, "learning_rate": 3e-3}


@pytest.fixture
def make_study(tmp_path, store_folder):
    def make(**given):
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        config = {"title": "Two <sources>", "dataset": str(store_folder), "preset": "tiny", "overrides": QUICK}
        config |= {"draws": 100, "device": "cpu", "threads": 1, **given}
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return make


def rows_of(folder, name):
    with (folder / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_is_resumed_run_by_run_and_ends_with_tables_figures_and_a_page(make_study, said, monkeypatch):
    folder = make_study(seeds=[0, 1], ablations={"random_encoder": False})
    trained = []

    class Killed(Exception):
        pass

    from ml.training.loop import Training

    original = Training.run

    def dies_in_the_third(self):
        trained.append(self.folder.name)
        if len(trained) == 3:
            raise Killed
        return original(self)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Training, "run", dies_in_the_third)
        run(folder, said)
    assert not (folder / "study.json").exists()

    def counted(self):
        trained.append(self.folder.name)
        return original(self)

    monkeypatch.setattr(Training, "run", counted)
    answer = run(folder, said)
    assert len(trained) == 5 and trained[2] == trained[3]  # the first two are not trained again
    assert answer["arms"] == ["supervised", "supervised_machine"] and answer["runs"] == 4
    assert all((folder / name).is_file() for name in answer["files"])
    assert {"figures/figure_a2.svg", "figures/figure_a2.png", "tables/table_a1.csv"} <= set(answer["files"])
    fractions = [event["fraction"] for event in said.of("progress")]
    assert 0 < fractions[-1] <= 1

    result = json.loads((folder / "study.json").read_text())
    assert [len(arm["runs"]) for arm in result["arms"]] == [2, 2]
    fast = rows_of(folder, "table_2")[0]
    by_machine = result["arms"][1]["machine"]["labels"]["fast"]["auroc"]
    assert float(fast["machine_on_machine_auroc"]) == by_machine["value"]
    assert float(fast["machine_on_machine_auroc_low"]) == by_machine["ci"][0]
    assert rows_of(folder, "table_1")[2]["supervised_auroc"] == ""  # never seen
    assert {row["curve"] for row in rows_of(folder, "figure_a2")} == {"roc", "pr"}
    assert {row["arm"] for row in rows_of(folder, "comparisons")} == {"supervised_machine"}

    page = (folder / "index.html").read_text()
    assert "Two &lt;sources&gt;" in page and "<sources>" not in page
    assert "Not for clinical use" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)  # it needs no other file
    for title in ("Table A.1", "Table 1", "Table 2", "Figure A.2"):
        assert title in page
    assert "Figure A.3" not in page  # nothing was asked of λ

    before = (folder / "tables/arms.csv").read_bytes()
    trained.clear()
    make_study(seeds=[0, 1], title="Told otherwise", ablations={"random_encoder": False})
    run(folder, said)
    assert trained == []
    assert (folder / "tables/arms.csv").read_bytes() == before


def test_a_grid_is_a_table_by_its_settings_and_a_part_of_the_page(make_study, said):
    grid = {"learning_rate": [3e-3, 1e-5], "contrastive.targets": ["masked", "diagonal"]}
    folder = make_study(
        paradigms=["supervised"],
        label_sources=["overread"],
        ablations={"random_encoder": False},
        grid={"learning_rate": grid["learning_rate"]},
    )
    answer = run(folder, said)
    assert answer["runs"] == 2  # the first combination is the study's own run
    rows = rows_of(folder, "grid")
    assert [(row["paradigm"], row["learning_rate"]) for row in rows] == [
        ("supervised", "0.003"),
        ("supervised", "1e-05"),
    ]
    of_arms = {row["arm"]: row["value"] for row in rows_of(folder, "arms") if row["label"] == "macro"}
    assert set(of_arms) == {"supervised", *(row["arm"] for row in rows)}
    result = json.loads((folder / "study.json").read_text())
    [own, same, other] = result["arms"]
    assert own["overread"] == same["overread"] != other["overread"]
    assert float(rows[1]["overread_auprc"]) == other["overread"]["macro"]["auprc"]["value"]
    assert "<h2>Grid: every combination</h2>" in (folder / "index.html").read_text()
    with pytest.raises(ValueError, match="none of the paradigms has the setting"):
        run(make_study(grid=grid), said)


def test_before_the_first_run_every_run_s_configuration_is_checked(make_study, said):
    with pytest.raises(ValueError, match="no such paradigm: self_training_of_another_kind"):
        run(make_study(paradigms=["supervised", "self_training_of_another_kind"]), said)
    with pytest.raises(ValueError, match="supervised cannot be trained: epochs"):
        run(make_study(overrides={"epochs": 0}), said)
    assert said.events == []


def test_a_run_on_what_a_folder_held_before_is_refused(make_study, said, store_folder, tmp_path):
    data = shutil.copytree(store_folder, tmp_path / "data")
    folder = make_study(label_sources=["overread"], ablations={"random_encoder": False}, dataset=str(data))
    run(folder, said)
    trained_on = Store(data).content_sha256
    remade = json.loads((data / "dataset.json").read_text())
    assert trained_on in remade.values()
    (data / "dataset.json").write_text(json.dumps(remade).replace(trained_on, "0" * 64))
    with pytest.raises(ValueError, match="trained on other data than is there now"):
        run(folder, said)


def test_table_a1_counts_an_ecg_once_and_percentages_are_over_the_machine_s_count(store):
    overread, machine = (store.targets(reading, "positive") for reading in ("overread", "machine"))
    row = disagreement(store, "positive")[0]
    both = machine[1][:, 0]
    o, m = overread[0][both, 0] > 0, machine[0][both, 0] > 0
    assert (row["machine"], row["overread"], row["ecgs"]) == (m.sum(), o.sum(), both.sum())
    assert (row["added"], row["removed"]) == ((o & ~m).sum(), (m & ~o).sum())
    assert row["machine"] + row["added"] - row["removed"] == row["overread"]
    assert row["added_pct"] == pytest.approx(100 * row["added"] / row["machine"])
    never = disagreement(store, "positive")[2]
    assert never["added_pct"] is None


@pytest.mark.slow
def test_every_paradigm_and_ablation_is_carried_out(make_study, store_folder, said):
    folder = make_study(
        preset="test",
        paradigms=["supervised", "self_training", "clip", "negclip"],
        unlabelled=str(store_folder),
        overrides={"epochs": 1},
        ablations={
            "granularity": True,
            "weights": [0.5, 1],
            "unlabelled_fractions": [0.5, 1],
            "labelled_fractions": [0.5],
            "targets": ["diagonal", "masked"],
            "random_encoder": True,
        },
    )
    answer = run(folder, said)
    assert answer["runs"] == 13 and len(answer["arms"]) == 17
    pictures = {"figure_3", "figure_a2", "figure_a3", "figure_a4", "label_source"}
    assert {f"figures/{name}.svg" for name in pictures} <= set(answer["files"])
    assert [row["unlabelled_fraction"] for row in rows_of(folder, "figure_a4")] == ["0.0", "0.5", "1.0"]
