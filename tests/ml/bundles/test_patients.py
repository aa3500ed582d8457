"""Which patients a model has seen: kept as hashes, and left out of evaluations."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.bundles.bundle import InvalidBundle, read_manifest
from ml.bundles.patients import FILE, MAX_SETS, SeenPatients, read_seen, without_seen
from ml.corpus.split_rules import ByRecord
from ml.corpus.store import Store, StoreWriter
from ml.inference.evaluate import run as evaluate
from ml.signals import Preprocessing
from ml.training.loop import run as train
from tests.ml.conftest import LABELS, make_window

keys = st.sets(st.text(max_size=20), max_size=30)


@given(keys, keys)
def test_exactly_the_patients_that_were_seen_are_found_again(seen, others):
    read = SeenPatients.from_bytes(SeenPatients.of_run(seen).to_bytes())
    asked = np.array(sorted(seen | others), dtype=object)
    assert read.complete
    assert read.among(asked).tolist() == [key in seen for key in asked]


def test_the_file_holds_no_key_and_two_runs_share_no_hash():
    patients = [f"patient{number}" for number in range(50)]
    one, two = (SeenPatients.of_run(patients).to_bytes() for _ in range(2))
    assert b"patient" not in one
    hashes = [set(SeenPatients.from_bytes(each)._sets[0].hashes.tolist()) for each in (one, two)]
    assert len(hashes[0]) == 50 and not hashes[0] & hashes[1]
    assert len(one) < 12 * 50 + 200


def test_a_run_inherits_what_the_bundle_it_started_from_has_seen():
    first = SeenPatients.of_run(["a"])
    second = SeenPatients.of_run(["b"], first, started=True)
    assert "a" in second and "b" in second and "c" not in second and second.complete
    assert not SeenPatients.of_run(["b"], None, started=True).complete
    many = first
    for _ in range(MAX_SETS + 3):
        many = SeenPatients.of_run(["b"], many, started=True)
    assert not SeenPatients.from_bytes(many.to_bytes()).complete  # bounded, and says so


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"complete": true}', b'{"complete": true, "sets": [{"salt": "00", "hashes": ""}]}']
    + [
        json.dumps({"complete": True, "sets": [{"salt": "0" * 32, "hashes": hashes}]}).encode()
        for hashes in ("!", "AAAA")
    ],
)
def test_what_is_no_such_file_is_refused(content):
    with pytest.raises(ValueError):
        SeenPatients.from_bytes(content)


def test_rows_of_seen_patients_are_left_out_and_counted():
    rows, patients = np.arange(10, 16), np.array(["a", "a", "b", "c", "c", "d"])
    models = {"model": SeenPatients.of_run(["a"]), "compare_with": SeenPatients.of_run(["d", "x"])}
    left, report = without_seen(rows, patients, models)
    assert left.tolist() == [12, 13, 14]
    assert {name: report[name] for name in ("patients", "model", "compare_with", "excluded")} == {
        "patients": 4,
        "model": 1,
        "compare_with": 1,
        "excluded": 2,
    }
    assert report["note"] == "2 of 4 patients were in training. They are left out of every figure."
    left, report = without_seen(rows, patients, {"model": None})
    assert (left.tolist(), report["model"], report["excluded"]) == (rows.tolist(), None, 0)
    assert "does not say" in report["note"]


@pytest.fixture
def evaluation(tmp_path, said):
    def run(**config):
        folder = tmp_path / f"evaluation{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"device": "cpu", **config}))
        return evaluate(folder, said)

    return run


def test_a_bundle_knows_the_patients_of_its_training_and_not_those_of_its_test(bundle_folder, store):
    seen = read_seen(bundle_folder, read_manifest(bundle_folder))
    patients, split = store.column("patient"), store.column("split")
    assert seen.among(patients[split == "train"]).all() and seen.among(patients[split == "validation"]).all()
    assert not seen.among(patients[split == "test"]).any()


def test_an_evaluation_leaves_out_the_model_s_own_patients(bundle_folder, store_folder, store, tmp_path, evaluation):
    trained = set(store.column("patient")[store.rows("train")].tolist())
    rng = np.random.default_rng(5)
    with StoreWriter(tmp_path / "other", LABELS, Preprocessing().to_dict()) as writer:
        for number in range(48):
            key = f"patient{number // 2}" if number < 24 else f"new{number // 2}"
            mask = int(rng.integers(4))
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": key, "overread_present": mask}
            writer.append(make_window(rng, mask)[None], [{**row, "overread_uncertain": 0}])
        writer.finish(1, (0.0, 0.0, 1.0))
    mixed = evaluation(bundle=str(bundle_folder), dataset=str(tmp_path / "other"))
    known = {f"patient{number}" for number in range(12)} & trained
    assert mixed["seen_patients"]["patients"] == 24
    assert mixed["seen_patients"]["model"] >= len(known) > 0
    assert mixed["windows"] == 2 * (24 - mixed["seen_patients"]["excluded"])
    assert mixed["overread"]["patients"] == 24 - mixed["seen_patients"]["excluded"]
    own = evaluation(bundle=str(bundle_folder), dataset=str(store_folder), split="train")
    assert own["seen_patients"]["excluded"] == 0 and own["windows"] == len(store.rows("train"))
    assert "do not say how well it does on new patients" in own["seen_patients"]["note"]
    fair = evaluation(bundle=str(bundle_folder), dataset=str(store_folder))
    assert (fair["seen_patients"]["model"], fair["seen_patients"]["excluded"]) == (0, 0)


def test_a_bundle_of_an_earlier_release_is_unknown_and_a_damaged_file_is_refused(
    make_run, said, rewrite, store_folder, evaluation
):
    folder = make_run(epochs=1)
    train(folder, said)
    manifest = json.loads((folder / "bundle/bundle.json").read_text())
    (folder / "bundle" / FILE).write_bytes(b"{}")
    with pytest.raises(InvalidBundle, match=FILE):
        evaluation(bundle=str(folder / "bundle"), dataset=str(store_folder))
    del manifest["files"][FILE]
    rewrite(folder / "bundle", json.dumps(manifest))
    result = evaluation(bundle=str(folder / "bundle"), dataset=str(store_folder), compare_with=str(folder / "bundle"))
    assert result["seen_patients"]["model"] is None and result["seen_patients"]["compare_with"] is None
    later = make_run("later", epochs=1, start_from=str(folder / "bundle"))
    train(later, said)
    assert not read_seen(later / "bundle", read_manifest(later / "bundle")).complete


def test_self_training_has_seen_the_unlabelled_patients(make_run, said, unlabelled_folder):
    folder = make_run(paradigm="self_training", unlabelled=str(unlabelled_folder), epochs=1)
    train(folder, said)
    seen = read_seen(folder / "bundle", read_manifest(folder / "bundle"))
    assert "patient39" in seen  # in the unlabelled dataset alone


def test_a_dataset_split_by_ecg_says_so_in_the_card(make_run, said, tmp_path):
    rng = np.random.default_rng(6)
    with StoreWriter(tmp_path / "by_ecg", LABELS, Preprocessing().to_dict()) as writer:
        for number in range(40):
            mask = int(rng.integers(4))
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": f"p{number // 4}", "overread_present": mask}
            writer.append(make_window(rng, mask)[None], [{**row, "overread_uncertain": 0}])
        writer.finish(1, split=ByRecord())
    store = Store(tmp_path / "by_ecg")
    patients, test = store.column("patient"), store.column("split") == "test"
    shared = len(set(patients[test]) & set(patients[~test]))
    folder = make_run(dataset=str(tmp_path / "by_ecg"), epochs=1)
    train(folder, said)
    manifest = read_manifest(folder / "bundle")
    assert manifest.dataset["test_patients_in_training"] == shared > 0
    card = (folder / "bundle/card.md").read_text()
    assert f"**{shared} of the {len(set(patients[test]))} patients of the test split are in the train" in card
