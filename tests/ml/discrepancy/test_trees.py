"""Trees as arrays: against scikit-learn, against a slow walk, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.discrepancy import grow, trees
from ml.discrepancy.trees import InvalidTrees, Node, Trees


def made(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 4))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows, np.nan_to_num(rows[:, 0]) + np.isnan(rows[:, 1]) + 0.3 * rng.normal(size=n) > 0.3


def test_grown_trees_are_those_of_scikit_learn() -> None:
    rows, positive = made(600, 0)
    rows[:, 3] = np.nan  # nothing is known of it
    grown = grow.grow(rows, positive, 3)
    library = HistGradientBoostingClassifier(
        max_iter=grow.ROUNDS, learning_rate=grow.LEARNING_RATE, max_leaf_nodes=grow.LEAVES, max_depth=grow.DEPTH,
        min_samples_leaf=grow.LEAST_IN_A_LEAF, l2_regularization=grow.L2, max_features=grow.FEATURE_SHARE,
        early_stopping=False, random_state=3,
    ).fit(np.where(np.isnan(rows).all(axis=0), 0, rows), positive)  # fmt: skip
    later, truth = made(300, 1)
    expected = library.decision_function(later)
    assert grown.logits(later) == pytest.approx(expected, abs=1e-9)
    assert ((grown.logits(later) > 0) == truth).mean() > 0.8
    read = trees.from_bytes(trees.to_bytes({"a": grown}), 4)["a"]
    assert (read.logits(later) == grown.logits(later)).all()


def slow(start: float, given_trees: list[list[Node]], row: np.ndarray) -> float:
    total = start
    for tree in given_trees:
        node = tree[0]
        while node.feature >= 0:
            value = row[node.feature]
            left = node.missing_left if np.isnan(value) else value <= node.threshold
            node = tree[node.left if left else node.right]
        total += node.value
    return total


@st.composite
def any_trees(draw: st.DrawFn) -> list[list[Node]]:
    numbers = st.floats(-2, 2)
    found = []
    for _ in range(draw(st.integers(0, 4))):
        tree: list[Node] = []
        inner = draw(st.integers(0, 4))
        for place in range(inner):  # a chain of splits with a leaf at each side
            tree.append(
                Node(draw(st.integers(0, 2)), draw(numbers), draw(st.booleans()), 2 * place + 1, 2 * place + 2, 0)
            )
            tree.append(Node(-1, 0.0, False, 0, 0, draw(numbers)))
        tree.append(Node(-1, 0.0, False, 0, 0, draw(numbers)))
        found.append(tree)
    return found


@given(any_trees(), st.lists(st.lists(st.floats(-3, 3) | st.just(float("nan")), min_size=3, max_size=3), min_size=1))
def test_rows_end_where_a_slow_walk_ends(given_trees: list[list[Node]], rows: list[list[float]]) -> None:
    values = np.array(rows)
    expected = [slow(0.5, given_trees, row) for row in values]
    grown = Trees(0.5, given_trees)
    assert grown.logits(values) == pytest.approx(expected)
    assert trees.from_bytes(trees.to_bytes({"a": grown}), 3)["a"].logits(values) == pytest.approx(expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"left": [0, 0, 0]},  # a way without end
        {"right": [7, 0, 0]},
        {"feature": [9, -1, -1]},
        {"feature": [0, -1]},
        {"roots": [1]},
        {"roots": [0, 0]},
        {"threshold": [1e999, 0, 0]},
        {"value": ["a", 0, 0]},
        {"start": None},
    ],
)
def test_trees_that_do_not_end_or_read_what_is_not_there_are_refused(wrong: dict[str, object]) -> None:
    tree = [Node(0, 1.0, True, 1, 2, 0.0), Node(-1, 0, False, 0, 0, 1.0), Node(-1, 0, False, 0, 0, -1.0)]
    written = json.loads(trees.to_bytes({"a": Trees(0.0, [tree])}))
    written["a"] |= wrong
    with pytest.raises(InvalidTrees):
        trees.from_bytes(json.dumps(written).encode(), 3)
