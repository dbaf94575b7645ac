"""A 4-bit decoder on the CPU, run by onnxruntime-genai; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onoma.errors import ModelError
from onoma.files import read_json
from onoma.models.vocabulary import Vocabulary
from onoma.models.writing import Guide, Request, Written

_LONGEST = 4096
"""Most pieces that room is kept for."""


class GenaiDecoder:
    """Continues texts one after the other; what two prompts begin with alike is read once.

    Args:
        folder: of an export.

    Attributes:
        vocabulary: of the base.

    Raises:
        ModelError: if onnxruntime-genai is not installed, or a file is missing or corrupt.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime_genai as genai
        except ImportError as error:
            raise ModelError("4-bit decoders need onnxruntime-genai", mend='pip install "onoma[genai]"') from error
        genai.disable_telemetry_events()
        self.vocabulary = Vocabulary(folder)
        self.longest: int = min(_LONGEST, int(read_json(folder / "genai_config.json")["model"]["context_length"]))
        try:
            self._model = genai.Model(str(folder))
        except RuntimeError as error:
            raise ModelError(f"the graph cannot be read ({error})"[:300], where=str(folder)) from error
        self._genai = genai
        self._generator: Any = None
        self._prefix: tuple[int, ...] = ()

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """See :class:`onoma.models.writing.Decoder`."""
        order = sorted(range(len(requests)), key=lambda row: requests[row].prefix)
        done = {row: self._write(requests[row]) for row in order}
        return [done[row] for row in range(len(requests))]

    def _write(self, request: Request) -> Written:
        guide = Guide(request, self.vocabulary)
        self._begin(request.prefix)
        chunk = [*request.pieces, *guide.forced()]
        while not guide.done:
            self._generator.append_tokens(chunk)
            logits = np.array(self._generator.get_logits()[0, -1], np.float32)
            chunk = guide.choose(logits)
        return guide.written()

    def _begin(self, prefix: tuple[int, ...]) -> None:
        """Have a generator stand behind the prefix."""
        if self._generator is not None and prefix == self._prefix and prefix:
            self._generator.rewind_to(len(prefix))
            return
        parameters = self._genai.GeneratorParams(self._model)
        parameters.set_search_options(max_length=self.longest, do_sample=False)
        self._generator = self._genai.Generator(self._model, parameters)
        self._prefix = prefix
        if prefix:
            self._generator.append_tokens(list(prefix))
