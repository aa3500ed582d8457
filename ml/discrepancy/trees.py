"""Boosted trees as arrays: evaluated by NumPy, kept as JSON. Nothing of the library that grew them is needed here."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Floats = NDArray[np.float64]

MAX_NODES = 2_000_000
_LEAF = -1  # the feature of a leaf


class Node(NamedTuple):
    """One node of a tree. A leaf has `feature` -1 and its `value`; `left` and `right` count from the tree's root."""

    feature: int
    threshold: float
    missing_left: bool
    left: int
    right: int
    value: float


class _SumIn(BaseModel):
    """The trees of one sum, as they are written: each list has a number for each node, tree after tree."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    start: float
    roots: list[Annotated[int, Field(ge=0)]]
    feature: list[Annotated[int, Field(ge=_LEAF)]]
    threshold: list[float]
    missing_left: list[bool]
    left: list[Annotated[int, Field(ge=0)]]
    right: list[Annotated[int, Field(ge=0)]]
    value: list[float]


_FILE: TypeAdapter[dict[str, _SumIn]] = TypeAdapter(dict[str, _SumIn])


class InvalidTrees(ValueError):
    """What was read are no trees that end; the message says why."""


class Trees:
    """A sum of trees: rows (n, features), NaN where a value is missing, to logits (n,).

    A row goes left where its value is at most the threshold, and where it is missing as the node says.
    """

    def __init__(self, start: float, trees: Sequence[Sequence[Node]]) -> None:
        self.start = start
        sizes = [len(tree) for tree in trees]
        self._roots = np.cumsum([0, *sizes[:-1]], dtype=np.int64) if sizes else np.zeros(0, np.int64)
        nodes = [node for tree in trees for node in tree]
        offsets = np.repeat(self._roots, sizes) if sizes else np.zeros(0, np.int64)
        self._feature = np.array([node.feature for node in nodes], np.int64)
        self._threshold = np.array([node.threshold for node in nodes], np.float64)
        self._missing_left = np.array([node.missing_left for node in nodes], np.bool_)
        own = np.arange(len(nodes))
        leaf = self._feature == _LEAF  # its own child, so that steps beyond it stay
        self._left = np.where(leaf, own, np.array([node.left for node in nodes], np.int64) + offsets)
        self._right = np.where(leaf, own, np.array([node.right for node in nodes], np.int64) + offsets)
        self._value = np.array([node.value for node in nodes], np.float64)
        self._check(offsets, np.repeat(np.array(sizes, np.int64), sizes))
        self._depth = self._deepest()

    def logits(self, rows: Floats) -> Floats:
        """Return the sums, (n,), of rows (n, features)."""
        place = np.broadcast_to(self._roots, (len(rows), len(self._roots)))
        every = np.arange(len(rows))[:, None]
        for _ in range(self._depth):
            feature = self._feature[place]
            value = rows[every, np.maximum(feature, 0)]
            left = np.where(np.isnan(value), self._missing_left[place], value <= self._threshold[place])
            place = np.where(left, self._left[place], self._right[place])
        total: Floats = self.start + self._value[place].sum(axis=1)
        return total

    @property
    def features(self) -> int:
        """How many features a row needs at least."""
        return int(self._feature.max(initial=_LEAF)) + 1

    def _check(self, first: NDArray[np.int64], size: NDArray[np.int64]) -> None:
        """Children stand behind their parent within its tree: so every way ends."""
        own = np.arange(len(first))
        inner = self._feature != _LEAF
        for child in (self._left, self._right):
            if not ((child[inner] > own[inner]) & (child[inner] < (first + size)[inner])).all():
                raise InvalidTrees("a node's child is not behind it in its tree")
        if not (np.isfinite(self._threshold).all() and np.isfinite(self._value).all() and math.isfinite(self.start)):
            raise InvalidTrees("a threshold or a value is not a number")

    def _deepest(self) -> int:
        depth = np.zeros(len(self._feature), np.int64)
        for place in range(len(depth) - 1, -1, -1):  # children first
            if self._feature[place] != _LEAF:
                depth[place] = 1 + max(depth[self._left[place]], depth[self._right[place]])
        return int(depth.max(initial=0))

    def _to_json(self) -> _SumIn:
        first = np.repeat(self._roots, np.diff([*self._roots, len(self._feature)])) if len(self._roots) else 0
        leaf = self._feature == _LEAF
        return _SumIn(
            start=self.start,
            roots=self._roots.tolist(),
            feature=self._feature.tolist(),
            threshold=self._threshold.tolist(),
            missing_left=self._missing_left.tolist(),
            left=np.where(leaf, 0, self._left - first).tolist(),
            right=np.where(leaf, 0, self._right - first).tolist(),
            value=self._value.tolist(),
        )

    @classmethod
    def _of_json(cls, given: _SumIn) -> "Trees":
        columns = (given.feature, given.threshold, given.missing_left, given.left, given.right, given.value)
        if len({len(column) for column in columns}) != 1 or len(given.feature) > MAX_NODES:
            raise InvalidTrees("the nodes' numbers are not as many, or too many")
        nodes = [Node(*each) for each in zip(*columns, strict=True)]
        ends = [*given.roots[1:], len(nodes)] if given.roots else []
        if (given.roots or nodes) and given.roots[:1] != [0]:
            raise InvalidTrees("the first root is not 0")
        if any(not a < b for a, b in zip(given.roots, ends, strict=True)):
            raise InvalidTrees("the roots do not rise")
        return cls(given.start, [nodes[a:b] for a, b in zip(given.roots, ends, strict=True)])


def to_bytes(sums: Mapping[str, Trees]) -> bytes:
    """Return sums of trees by name as JSON."""
    written = {name: trees._to_json().model_dump() for name, trees in sums.items()}
    return json.dumps(written, allow_nan=False, separators=(",", ":")).encode()


def from_bytes(content: bytes, features: int) -> dict[str, Trees]:
    """Read `to_bytes`; raises `InvalidTrees` also where a node reads a feature that there is not."""
    try:
        sums = {name: Trees._of_json(given) for name, given in _FILE.validate_json(content).items()}
    except ValidationError as error:
        raise InvalidTrees("the trees are not written as they should be") from error
    if any(trees.features > features for trees in sums.values()):
        raise InvalidTrees("a node reads a feature that there is not")
    return sums
