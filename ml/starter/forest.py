"""Training of the forest: scikit-learn's boosted trees for each label, written into the layer's tensors."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.networks.forest import Forest

TREES = 180  # one for each round of boosting
LEARNING_RATE = 0.04
LEAST_IN_A_LEAF = 8
L2 = 2.0
FEATURE_SHARE = 0.05  # of features drawn at each split: many measurements are correlated
_TOLERANCE = 1e-3  # between float32 and float64 over hundreds of trees


def booster(leaves: int, depth: int, seed: int) -> HistGradientBoostingClassifier:
    """Return one of the boosted classifiers that are averaged, not fitted yet."""
    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=leaves,
        max_depth=depth,
        min_samples_leaf=LEAST_IN_A_LEAF,
        l2_regularization=L2,
        max_features=FEATURE_SHARE,
        early_stopping=False,
        random_state=seed,
    )


def grow(
    forest: Forest,
    output: int,
    measurements: NDArray[np.float32],
    positive: NDArray[np.bool_],
    *,
    seeds: Sequence[int],
) -> None:
    """Boost trees for one output and write their mean over `seeds` into the layer.

    Parameters
    ----------
    measurements, positive
        (n, m) and (n,), both classes among them.
    """
    _, trees, nodes = forest.feature.shape
    if trees != TREES * len(seeds):
        raise ValueError(f"the layer has room for {trees} trees an output, not {TREES * len(seeds)}")
    expected = np.zeros(len(measurements))
    with torch.no_grad():
        for index, seed in enumerate(seeds):
            boosted = booster((nodes + 1) // 2, forest.depth, seed).fit(measurements, positive)
            expected += boosted.decision_function(measurements) / len(seeds)
            forest.start[output] += float(boosted._baseline_prediction.item()) / len(seeds)
            for number, (tree,) in enumerate(boosted._predictors):
                _write(forest, output, index * TREES + number, tree.nodes, share=1 / len(seeds))
        written = forest(torch.from_numpy(measurements))[:, output].numpy()
    if np.abs(written - expected).max() > _TOLERANCE:
        raise RuntimeError("the layer and the trees disagree: this version of scikit-learn stores trees in another way")


def _write(forest: Forest, output: int, tree: int, nodes: NDArray[np.void], *, share: float) -> None:
    own = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    branch = np.stack([np.where(leaf, own, nodes["left"]), np.where(leaf, own, nodes["right"])], axis=1)
    # a threshold lies between two float32 values; rounded down to float32 it still separates them
    threshold = nodes["num_threshold"].astype(np.float32)
    threshold = np.where(threshold > nodes["num_threshold"], np.nextafter(threshold, np.float32(-np.inf)), threshold)
    for buffer, values in (
        (forest.feature, np.where(leaf, 0, nodes["feature_idx"]).astype(np.int16)),
        (forest.threshold, np.where(leaf, 0, threshold).astype(np.float32)),
        (forest.branch, branch.astype(np.int16)),
        (forest.value, np.where(leaf, nodes["value"] * share, 0).astype(np.float32)),
    ):
        buffer[output, tree, : len(nodes)] = torch.from_numpy(values)
