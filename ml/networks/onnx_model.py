"""A whole model as an ONNX graph in float32: windows to logits to calibrated probabilities, any number at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.networks.ecg import EcgNetwork
from ml.networks.onnx_graph import LOGITS, Graph, write_network

PROBABILITIES, BATCH = "probabilities", "windows"
_EMBEDDING = "embedding"
_SHORTEST = 1e-12  # of an embedding, as torch's `normalize` has it


class Calibration(NamedTuple):
    """How a label's logit becomes a probability: `ml.evaluation.calibration.OperatingPoint` says what fields mean."""

    slope: float
    bias: float
    knots: Sequence[tuple[float, float]]


def whole_model(
    network: EcgNetwork,
    samples: int,
    calibrations: Sequence[Calibration],
    *,
    texts: NDArray[np.float64] | None,
    metadata: Mapping[str, str],
) -> bytes:
    """Return an ONNX file: `window` (windows, 12, samples) → `logits` and `probabilities` (windows, labels).

    Parameters
    ----------
    calibrations
        One a label.
    texts
        Of a CLIP model: the unit embedding of each label's prompts, (labels, d). The network then gives embeddings, and
        a logit is the cosine of the two.
    metadata
        What the file says of itself, by key.
    """
    graph = Graph(None)
    write_network(graph, network, LOGITS if texts is None else _EMBEDDING)
    if texts is not None:
        length = graph.node("ReduceL2", [_EMBEDDING], "length", axes=[1], keepdims=1)
        shortest = graph.constant("shortest", np.array(_SHORTEST, np.float32))
        unit = graph.node("Div", [_EMBEDDING, graph.node("Max", [length, shortest], "length:bounded")], "unit")
        graph.node("MatMul", [unit, graph.constant("texts", texts.T.astype(np.float32))], LOGITS)
    _write_calibration(graph, calibrations)
    shapes: dict[str, list[int | str]] = {name: [BATCH, len(calibrations)] for name in (LOGITS, PROBABILITIES)}
    return graph.finish(samples, [LOGITS, PROBABILITIES], batch=BATCH, shapes=shapes, metadata=metadata)


def _write_calibration(graph: Graph, calibrations: Sequence[Calibration]) -> None:
    slopes, biases = (
        np.array([getattr(each, part) for each in calibrations], np.float32) for part in ("slope", "bias")
    )
    scaled = graph.node("Mul", [LOGITS, graph.constant("slopes", slopes)], "scaled")
    shifted = graph.node("Add", [scaled, graph.constant("biases", biases)], "shifted")
    if not any(each.knots for each in calibrations):
        graph.node("Sigmoid", [shifted], PROBABILITIES)
        return
    smooth = graph.node("Sigmoid", [shifted], "smooth")
    has_knots = graph.constant("has_knots", np.array([bool(each.knots) for each in calibrations]))
    graph.node("Where", [has_knots, _stepped(graph, calibrations), smooth], PROBABILITIES)


def _stepped(graph: Graph, calibrations: Sequence[Calibration]) -> str:
    """Return the curves between knots: the first height, and each piece's slope times how much of it a logit is past.

    Labels have the same number of pieces here: what is missing has no width.
    """
    pieces = max(len(each.knots) for each in calibrations)
    starts, widths, slopes = np.zeros((3, len(calibrations), pieces))
    first = np.zeros(len(calibrations))
    for row, each in enumerate(calibrations):
        if each.knots:
            x, y = np.array(each.knots).T
            first[row], count = y[0], len(x) - 1
            starts[row, :count], widths[row, :count], slopes[row, :count] = x[:-1], np.diff(x), np.diff(y) / np.diff(x)

    def constant(name: str, values: NDArray[np.float64]) -> str:
        return graph.constant(f"knots:{name}", values.astype(np.float32))

    logits = graph.node("Unsqueeze", [LOGITS, graph.constant("knots:axis", np.array([2]))], "knots:logits")
    past = graph.node("Sub", [logits, constant("starts", starts)], "knots:past")
    within = graph.node("Max", [past, constant("zero", np.zeros(()))], "knots:from")
    within = graph.node("Min", [within, constant("widths", widths)], "knots:within")
    risen = graph.node("Mul", [within, constant("slopes", slopes)], "knots:risen")
    total = graph.node("ReduceSum", [risen, graph.constant("knots:last", np.array([2]))], "knots:total", keepdims=0)
    return graph.node("Add", [total, constant("first", first)], "knots:height")
