"""The network in integers answers only where it is as good, with operating points of its own."""

import shutil

import numpy as np
import pytest

from ml.bundles.bundle import Integers, InvalidBundle, amend, read_manifest
from ml.bundles.check import check
from ml.corpus.store import Store
from ml.evaluation.calibration import operating_point
from ml.inference.optimise import MOST_CHANGE, optimise, takes
from ml.inference.predictor import Predictor
from ml.starter import BUNDLE


@pytest.fixture
def floats(bundle_folder, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copy)
    amend(copy, {"integers": None}, lambda complete: {})
    return copy


def test_training_leaves_it_in_the_bundle_and_it_answers(bundle_folder, store, floats):
    manifest = read_manifest(bundle_folder)
    assert manifest.integers is not None and takes(manifest.integers)
    rows = store.rows("validation")
    predictor, exact = Predictor(bundle_folder, "cpu"), Predictor(floats, "cpu")
    logits = predictor.window_logits(store.windows, rows)
    assert predictor.labels == manifest.integers.labels
    assert 0 < np.abs(logits - exact.window_logits(store.windows, rows)).max() < 0.2
    positive, known = store.targets("overread", manifest.training["hedged"])
    use = known[rows, 0]
    chosen = operating_point(logits[use, 0], positive[rows][use, 0] > 0)
    assert (predictor.labels[0].threshold, predictor.labels[0].slope) == (chosen.threshold, chosen.slope)
    assert "## In 8-bit integers" in (bundle_folder / "card.md").read_text()


def test_it_can_be_added_later_and_is_the_same(floats, store_folder, bundle_folder):
    found = optimise(floats, Store(store_folder))
    assert found == read_manifest(floats).integers == read_manifest(bundle_folder).integers
    assert optimise(floats, Store(store_folder)) == found  # and not twice


def test_a_network_that_ranks_otherwise_is_not_taken(bundle_folder):
    integers = read_manifest(bundle_folder).integers
    assert integers is not None
    for change, taken in ((MOST_CHANGE / 2, True), (-MOST_CHANGE / 2, True), (2 * MOST_CHANGE, False)):
        assert takes(integers.model_copy(update={"auroc": 0.9, "float_auroc": 0.9 + change})) == taken
    assert not takes(integers.model_copy(update={"auroc": None}))


def test_the_starter_model_has_no_such_network(store, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(BUNDLE, copy)
    assert optimise(copy, store) is None


@pytest.mark.parametrize("change", ["a range", "no zero", "labels"])
def test_what_does_not_fit_the_network_is_refused(floats, bundle_folder, change):
    integers = read_manifest(bundle_folder).integers
    assert isinstance(integers, Integers)
    given = integers.model_dump()
    if change == "a range":
        given["ranges"].pop("stem")
        amend(floats, {"integers": given}, lambda complete: {})
        with pytest.raises(InvalidBundle, match="the range of stem is missing"):
            Predictor(floats, "cpu")
        return
    if change == "no zero":
        given["ranges"]["stem"] = (1.0, 2.0)
    else:
        given["labels"] = given["labels"][:1]
    with pytest.raises(ValueError, match=r"zero|labels"):
        amend(floats, {"integers": given}, lambda complete: {})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda ranges: ranges, None),
        (lambda ranges: {name: each for name, each in ranges.items() if name != "stem"}, "tensors: stem"),
        (lambda ranges: {**ranges, "block9": (0.0, 1.0)}, "tensors: block9"),
        (lambda ranges: {**ranges, "window": (0.0, 0.0)}, "no window"),
        (lambda ranges: {**ranges, "stem": (-3e38, 3e38)}, "range of stem"),
    ],
)
def test_ranges_are_checked_before_a_bundle_is_registered(floats, bundle_folder, change, why):
    integers = read_manifest(bundle_folder).integers.model_dump()
    integers["ranges"] = change(integers["ranges"])
    amend(floats, {"integers": integers}, lambda complete: {})
    if why is None:
        check(floats)
        return
    with pytest.raises(InvalidBundle, match=f"integers: .*{why}"):
        check(floats)


def test_a_network_without_a_graph_has_no_ranges(bundle_folder, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(BUNDLE, copy)
    labels = [label.model_dump() for label in read_manifest(BUNDLE).labels]
    integers = {**read_manifest(bundle_folder).integers.model_dump(), "labels": labels}
    amend(copy, {"integers": integers}, lambda complete: {})
    with pytest.raises(InvalidBundle, match="not computed in integers"):
        check(copy)
