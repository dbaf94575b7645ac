"""An ONNX classifier as a plain function over arrays; torch is not needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from onoma.errors import ModelError


class OnnxLogits:
    """Runs a token classifier on the CPU with onnxruntime.

    Args:
        path: the graph.
        threads: of a matrix product; 0 leaves it to the runtime.
        spin: let idle threads wait for work without sleeping. A single text is answered sooner; whoever encodes and
            decodes meanwhile has less of the cores.

    Raises:
        ModelError: if the file is no graph.

    Attributes:
        path: the graph.
        threads: of a matrix product.
    """

    def __init__(self, path: Path, threads: int = 0, *, spin: bool = False) -> None:
        import onnxruntime

        self.path = path
        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=["CPUExecutionProvider"],
                # In int8 graphs the fused layer norm takes a sixth of the time; in others it makes no difference.
                disabled_optimizers=["SkipLayerNormFusion"],
            )
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise ModelError(f"not a graph that onnxruntime can run ({str(error)[:200]})", where=str(path)) from error

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Logits of shape ``(batch, pieces, tags)`` for ids and mask of shape ``(batch, pieces)``."""
        (logits,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
        result: npt.NDArray[np.float32] = np.asarray(logits, dtype=np.float32)
        return result
