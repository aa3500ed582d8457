"""A ResNet as an ONNX graph for one window, in float32 or in 8-bit integers.

The graph is built from the weights each time a model is loaded, so no ONNX file travels in a bundle and none from
outside is parsed. Batch normalisation is folded into the convolutions (Jacob et al. 2018, section 3.2). In integers
(section 2.1) weights are signed, one scale an output channel; activations are unsigned, one scale a tensor, from the
ranges that `observe` found. Sums of integers do not depend on their order, nor on the processor.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import LEADS, Bottleneck

Range = tuple[float, float]
"""The lowest and the highest value of a tensor; zero is between them."""

OPSET, IR_VERSION = 17, 8
WINDOW, LOGITS = "window", "logits"

_WEIGHT_STEPS = 63  # 7 bits: processors without VNNI add pairs of products in 16 bits, where 8 bits saturate
_ACTIVATION_STEPS = 255


def session(network: EcgNetwork, samples: int, ranges: Mapping[str, Range] | None = None) -> "Session":
    """Return what computes the outputs of a network in evaluation; with `ranges`, in 8-bit integers.

    Raises `ValueError` where a range is missing, or is of a tensor that the network does not have.
    """
    graph = Graph(ranges)
    write_network(graph, network)
    if ranges is not None and (foreign := ranges.keys() - graph.observed):
        raise ValueError(f"the network has no tensor {', '.join(sorted(foreign)[:3])}")
    return Session(graph.finish(samples, [LOGITS]))


def activations(network: EcgNetwork) -> set[str]:
    """Return the names of the tensors that need a range. The network may be without weights."""
    outline = _Outline(None)
    _encoder(outline, network)
    return outline.observed


def observe(network: EcgNetwork, windows: Iterable[NDArray[np.float32]]) -> dict[str, Range]:
    """Return the range of each activation over some windows, (12, samples) each, computed in float32."""
    session: Session | None = None
    lowest, highest = np.empty(0), np.empty(0)
    graph = Graph(None)
    write_network(graph, network)
    names = sorted(graph.observed - {WINDOW})
    for window in windows:
        if session is None:
            session = Session(graph.finish(window.shape[-1], names))
            lowest, highest = np.zeros(len(names) + 1), np.zeros(len(names) + 1)
        values = [window, *session.all_of(window)]
        lowest = np.minimum(lowest, [value.min() for value in values])
        highest = np.maximum(highest, [value.max() for value in values])
    if session is None:
        raise ValueError("no window was given to observe")
    found = zip([WINDOW, *names], lowest.tolist(), highest.tolist(), strict=True)
    return {name: (low, high) for name, low, high in found}


class Session:
    """A loaded graph. It may be asked by several threads; each question is computed by one."""

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """(12, samples) → (outputs,)."""
        outputs: NDArray[np.float32] = self.all_of(window)[0][0]
        return outputs

    def all_of(self, window: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return every output of the graph for a window."""
        outputs: list[NDArray[np.float32]] = self._session.run(None, {WINDOW: window[None]})
        return outputs


class Graph:
    """A graph that is being built. With ranges, what is `observed` is rounded to 8 bits where it is written."""

    def __init__(self, ranges: Mapping[str, Range] | None) -> None:
        self.observed: set[str] = set()
        self._ranges = ranges
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._scales: dict[str, float] = {}  # by the tensor that `rounded` returned

    def node(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add an operation; return the name of its output."""
        self._nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def rounded(self, name: str, like: str | None = None) -> str:
        """Return a tensor of which the range was observed (`like`: of another tensor), rounded to 8 bits."""
        source = like or name
        self.observed.add(source)
        if self._ranges is None:
            return name
        if source not in self._ranges:
            raise ValueError(f"the range of {source} is missing")
        low, high = self._ranges[source]
        scale = max(high - low, 1e-6) / _ACTIVATION_STEPS
        zero = int(np.clip(np.rint(-low / scale), 0, _ACTIVATION_STEPS))
        parameters = [
            self.constant(f"{name}:scale", np.array(scale, np.float32)),
            self.constant(f"{name}:zero", np.array(zero, np.uint8)),
        ]
        whole = self.node("QuantizeLinear", [name, *parameters], f"{name}:8")
        result = self.node("DequantizeLinear", [whole, *parameters], f"{name}:rounded")
        self._scales[result] = float(np.float32(scale))
        return result

    def convolution(self, given: str, name: str, conv: nn.Conv1d, normal: nn.BatchNorm1d) -> str:
        """Return a convolution with the normalisation that follows it, folded."""
        weight, bias = _folded(conv, normal)
        if self._ranges is None:
            inputs = [self.constant(f"{name}:w", weight), self.constant(f"{name}:b", bias)]
        else:
            inputs = self._whole_numbers(name, weight, bias, self._scales[given])
        padding = conv.padding[0]
        assert isinstance(padding, int)
        return self.node("Conv", [given, *inputs], name, strides=[conv.stride[0]], pads=[padding, padding])

    def _whole_numbers(
        self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32], given_scale: float
    ) -> list[str]:
        scale = (np.maximum(np.abs(weight).max(axis=(1, 2)), 1e-8) / _WEIGHT_STEPS).astype(np.float32)
        weight_8 = np.rint(weight / scale[:, None, None]).astype(np.int8)
        bias_scale = (scale * np.float32(given_scale)).astype(np.float32)
        bias_32 = np.clip(np.rint(bias.astype(np.float64) / bias_scale), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        found = []
        for part, values, scales, zeros in (
            ("w", weight_8, scale, np.zeros(len(scale), np.int8)),
            ("b", bias_32, bias_scale, np.zeros(len(scale), np.int32)),
        ):
            inputs = [
                self.constant(f"{name}:{part}8", values),
                self.constant(f"{name}:{part}:scale", scales),
                self.constant(f"{name}:{part}:zero", zeros),
            ]
            found.append(self.node("DequantizeLinear", inputs, f"{name}:{part}", axis=0))
        return found

    def finish(
        self,
        samples: int,
        outputs: list[str],
        *,
        batch: int | str = 1,
        shapes: Mapping[str, Sequence[int | str]] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the file. `batch`: how many windows, or the name of that number. `shapes`: of outputs, by name."""
        known = shapes or {}
        described = [helper.make_tensor_value_info(name, TensorProto.FLOAT, known.get(name)) for name in outputs]
        given = helper.make_tensor_value_info(WINDOW, TensorProto.FLOAT, [batch, LEADS, samples])
        graph = helper.make_graph(self._nodes, "ecg", [given], described, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        helper.set_model_props(model, dict(metadata or {}))
        text: bytes = model.SerializeToString(deterministic=True)
        return text


class _Outline(Graph):
    """A graph of which only the names are wanted."""

    def convolution(self, given: str, name: str, conv: nn.Conv1d, normal: nn.BatchNorm1d) -> str:
        return name


def write_network(graph: Graph, network: EcgNetwork, output: str = LOGITS) -> None:
    """Write encoder, mean over time, and head. The head stays in float32: it costs nothing, and decides."""
    at = _encoder(graph, network)
    at = graph.node("Flatten", [graph.node("GlobalAveragePool", [at], "means")], "features")
    _head(graph, at, network.head, output)


def _encoder(graph: Graph, network: EcgNetwork) -> str:
    encoder = network.encoder
    assert isinstance(encoder, nn.Sequential)
    stem, normal, _, pool, *blocks = encoder
    assert isinstance(stem, nn.Conv1d) and isinstance(normal, nn.BatchNorm1d) and isinstance(pool, nn.MaxPool1d)
    stem_out = graph.convolution(graph.rounded(WINDOW), "stem:conv", stem, normal)
    at = graph.rounded(graph.node("Relu", [stem_out], "stem"))
    pooled = graph.node("MaxPool", [at], "pool", kernel_shape=[3], strides=[2], pads=[1, 1])
    at = graph.rounded(pooled, like="stem")
    for number, block in enumerate(blocks):
        assert isinstance(block, Bottleneck)
        at = _bottleneck(graph, at, f"block{number}", block)
    return at


def _bottleneck(graph: Graph, given: str, name: str, block: Bottleneck) -> str:
    at = given
    layers = list(block.body)
    for number in range(3):
        conv, normal = layers[3 * number], layers[3 * number + 1]
        assert isinstance(conv, nn.Conv1d) and isinstance(normal, nn.BatchNorm1d)
        at = graph.convolution(at, f"{name}:conv{number}", conv, normal)
        at = graph.rounded(graph.node("Relu", [at], f"{name}:{number}") if number < 2 else at)
    beside = given
    if isinstance(block.shortcut, nn.Sequential):
        conv, normal = block.shortcut
        assert isinstance(conv, nn.Conv1d) and isinstance(normal, nn.BatchNorm1d)
        beside = graph.rounded(graph.convolution(given, f"{name}:shortcut", conv, normal))
    return graph.rounded(graph.node("Relu", [graph.node("Add", [at, beside], f"{name}:sum")], name))


def _head(graph: Graph, given: str, head: nn.Module, output: str) -> None:
    """Write a linear layer, or several with ReLU between them (CLIP's)."""
    layers = list(head) if isinstance(head, nn.Sequential) else [head]
    for number, layer in enumerate(layers):
        result = output if number == len(layers) - 1 else f"head{number}"
        if isinstance(layer, nn.Linear):
            inputs = [
                graph.constant(f"head{number}:w", layer.weight.detach().cpu().numpy()),
                graph.constant(f"head{number}:b", layer.bias.detach().cpu().numpy()),
            ]
            given = graph.node("Gemm", [given, *inputs], result, transB=1)
        else:
            assert isinstance(layer, nn.ReLU)
            given = graph.node("Relu", [given], result)


def _folded(conv: nn.Conv1d, normal: nn.BatchNorm1d) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight (out, in, k) and bias (out,) of a convolution followed by batch normalisation."""
    assert normal.running_var is not None and normal.running_mean is not None
    variance, mean, gain, offset, weight = (
        tensor.detach().cpu().double().numpy()
        for tensor in (normal.running_var, normal.running_mean, normal.weight, normal.bias, conv.weight)
    )
    factor = gain / np.sqrt(variance + normal.eps)
    return (weight * factor[:, None, None]).astype(np.float32), (offset - mean * factor).astype(np.float32)
