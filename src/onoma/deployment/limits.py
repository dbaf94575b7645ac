"""The most that a machine can do: matrix products alone, and how many of them a tagger needs for a piece."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from onoma.models.onnx_logits import OnnxLogits

if TYPE_CHECKING:
    from onoma.extractors.tagger import TaggerExtractor
    from onoma.models.exports import Precision

_SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (2048, 384, 1536), (2048, 1536, 384))
"""Rows, inner and outer size: square ones, and those of a small encoder's layers."""
_ROUNDS = 5
_CALLS = 3


def gemm_peak(precision: Precision, threads: int = 0) -> float:
    """Multiplications and additions a second of the fastest of several matrix products with a constant matrix.

    In fp32 and int8 they are onnxruntime's own, as in exported taggers, int8 with the scales found as it runs; in fp16
    they are torch's in bf16, which is what a CPU computes such weights in at best.

    Args:
        precision: of the numbers.
        threads: of a product; 0 leaves it to the runtime.

    Raises:
        ModuleNotFoundError: without the extra ``export``.

    Examples:
        >>> gemm_peak("fp32") / 1e9  # doctest: +SKIP
        182.0
    """
    best = 0.0
    for rows, inner, outer in _SHAPES:
        run = _bf16(rows, inner, outer) if precision == "fp16" else _onnx(rows, inner, outer, precision, threads)
        run()
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            for _ in range(_CALLS):
                run()
            best = max(best, 2.0 * rows * inner * outer * _CALLS / (time.perf_counter() - begun))
    return best


def work_per_piece(extractor: TaggerExtractor) -> float:
    """Multiplications and additions that a tagger's weights ask for, a piece; attention's own products come on top.

    Raises:
        TypeError: if its model is neither a torch module nor an ONNX graph.
    """
    if isinstance(extractor.logits, OnnxLogits):
        return 2.0 * _graph_weights(extractor.logits)
    model: Any = getattr(extractor.logits, "model", None)
    if model is None:
        raise TypeError("a tagger over a torch module or an ONNX graph")
    import torch

    return 2.0 * sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))


def _graph_weights(logits: OnnxLogits) -> int:
    import onnx

    graph = onnx.load(str(logits.path)).graph
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer if len(tensor.dims) == 2}
    products = ("MatMul", "MatMulInteger", "Gemm")
    return sum(sizes.get(node.input[1], 0) for node in graph.node if node.op_type in products)


def _onnx(rows: int, inner: int, outer: int, precision: Precision, threads: int) -> Callable[[], Any]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(1)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, inner])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, outer])]
    if precision == "int8":
        weights = [
            numpy_helper.from_array(draw.integers(-127, 127, (inner, outer), np.int8), "w"),
            numpy_helper.from_array(np.array(0.01, np.float32), "scale"),
        ]
        nodes = [
            helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
            helper.make_node("MatMulInteger", ["q", "w", "z"], ["sum"]),
            helper.make_node("Cast", ["sum"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["float", "scale"], ["y"]),
        ]
    else:
        weights = [numpy_helper.from_array(draw.normal(size=(inner, outer)).astype(np.float32), "w")]
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "product", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = {"x": draw.normal(size=(rows, inner)).astype(np.float32)}
    return lambda: session.run(None, given)


def _bf16(rows: int, inner: int, outer: int) -> Callable[[], Any]:
    import torch

    states = torch.randn(rows, inner, dtype=torch.bfloat16)
    weight = torch.randn(outer, inner, dtype=torch.bfloat16)
    return lambda: torch.nn.functional.linear(states, weight)
