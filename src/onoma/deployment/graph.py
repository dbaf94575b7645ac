"""A classifier as an ONNX graph, and the same graph with smaller numbers."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

OPSET = 17
_AXES = {0: "batch", 1: "pieces"}


def write_graph(model: Any, path: Path) -> None:
    """Write a token classifier as an ONNX graph in float32, with free batch size and length.

    The graph is what the older exporter makes of eager attention: it is smaller and as fast as the newer exporter's,
    and onnxruntime optimizes it when it is loaded; fusing attention ahead of that was 5 to 10 % slower on CPUs.

    Args:
        model: a transformers token classifier in evaluation mode.
        path: of the graph.
    """
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
            return logits

    model.set_attn_implementation("eager")
    ids = torch.ones((2, 8), dtype=torch.long)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            # The exporter puts a module back into the mode that it was in, with all that it holds.
            Logits().eval(),
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": _AXES, "attention_mask": _AXES, "logits": _AXES},
            opset_version=OPSET,
            dynamo=False,
        )


def quantize(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Write a graph whose weights are whole numbers of 8 bits, with a scale for each channel.

    Activations are turned into such numbers too, by scales that are found as the graph runs.

    Args:
        source: graph in float32.
        target: graph in int8.
        leave_out: names of nodes that stay as they are.
    """
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it advises a preparation that graphs of this exporter do not need
    try:
        quantize_dynamic(
            str(source), str(target), per_channel=True, weight_type=QuantType.QInt8, nodes_to_exclude=list(leave_out)
        )
    finally:
        logging.disable(logging.NOTSET)


def halve(source: Path, target: Path) -> None:
    """Write a graph whose weights are of 16 bits; logits stay in float32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    graph = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True)
    onnx.save(graph, str(target))


def products(path: Path) -> Sequence[str]:
    """Names of the matrix products with weights, in the order of the graph."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "MatMul" and node.input[1] in weights]
