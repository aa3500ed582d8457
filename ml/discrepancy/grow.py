"""Growing boosted trees with scikit-learn, whose own form stays here. Imported by the child that trains alone."""

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.discrepancy.trees import Floats, Node, Trees

ROUNDS = 80
LEARNING_RATE = 0.06
LEAVES, DEPTH = 8, 5
LEAST_IN_A_LEAF = 20
L2 = 5.0
FEATURE_SHARE = 0.5  # of the features drawn at each split
_TOLERANCE = 1e-6
_HIGHEST = float(np.finfo(np.float64).max)  # the threshold of a split of missing values from all others is infinite


def grow(rows: Floats, positive: NDArray[np.bool_], seed: int) -> Trees:
    """Boost trees for rows (n, features), NaN where a value is missing; both classes are among `positive`, (n,).

    The same rows and seed give the same trees. A feature that is missing in every row has no split.
    """
    rows = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
    boosted = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=LEAVES,
        max_depth=DEPTH,
        min_samples_leaf=LEAST_IN_A_LEAF,
        l2_regularization=L2,
        max_features=FEATURE_SHARE,
        early_stopping=False,  # its validation split would not be by patient
        random_state=seed,
    ).fit(rows, positive)
    trees = [_nodes(tree.nodes) for (tree,) in boosted._predictors]
    grown = Trees(float(boosted._baseline_prediction.item()), trees)
    some = rows[:2000]
    if np.abs(grown.logits(some) - boosted.decision_function(some)).max() > _TOLERANCE:
        raise RuntimeError("the trees are not those of scikit-learn: this version stores them in another way")
    return grown


def _nodes(stored: NDArray[np.void]) -> list[Node]:
    """Return a tree's nodes, children behind their parents."""
    return [
        Node(-1, 0.0, False, 0, 0, float(node["value"]))
        if node["is_leaf"]
        else Node(
            int(node["feature_idx"]),
            min(float(node["num_threshold"]), _HIGHEST),
            bool(node["missing_go_to_left"]),
            int(node["left"]),
            int(node["right"]),
            0.0,
        )
        for node in stored
    ]
