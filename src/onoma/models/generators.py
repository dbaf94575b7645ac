"""Decoders on a base: made clean, read back with an adapter merged in, or with several that are switched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onoma.errors import ModelError
from onoma.models.adapters import ADAPTER_WEIGHTS, check_base, read_weights
from onoma.models.bases import Base, resolve_base
from onoma.models.generator_card import GeneratorCard
from onoma.models.merging import merge, read_config
from onoma.models.torch_decoder import TorchDecoder
from onoma.models.torch_logits import default_device
from onoma.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def new_decoder(base: Base, *, four_bits: bool = False) -> PreTrainedModel:
    """A clean causal language model; in bfloat16 on a GPU, in float32 elsewhere.

    Args:
        base: that writes text.
        four_bits: hold its linear layers in four bits (NF4, quantized twice), to train an adapter on them: QLoRA,
            https://arxiv.org/abs/2305.14314.

    Raises:
        ModelError: if the weights are corrupt, the base writes no text, or bitsandbytes is missing.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    kind = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    quantized = _four_bits(kind) if four_bits else None
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            base.folder, dtype=kind, use_safetensors=True, quantization_config=quantized
        )
    except (SafetensorError, OSError) as error:
        raise ModelError(f"the base's weights cannot be read ({error})", where=str(base.folder)) from error
    except ValueError as error:
        raise ModelError(f"this base cannot write text ({error})".splitlines()[0], where=base.name) from error
    if base.config.get("is_encoder_decoder") or base.config.get("model_type") in _ENCODERS:
        raise ModelError("this base is no decoder", where=base.name, mend="Name a causal language model.")
    return model


def _four_bits(compute: torch.dtype) -> Any:
    import importlib.util

    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            "bases in four bits need bitsandbytes", where="generator.four_bits", mend='pip install "onoma[qlora]"'
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=compute,
        bnb_4bit_use_double_quant=True,
    )


_ENCODERS = {"bert", "roberta", "xlm-roberta", "distilbert", "camembert", "electra", "deberta-v2", "albert"}
"""Architectures that transformers gives a language-modelling head too, though they were not made to write."""


def load_decoder(folder: Path, card: GeneratorCard, base: Base) -> TorchDecoder:
    """A run's decoder with its adapter merged in.

    Raises:
        ModelError: if the base is not the one that the run was trained on, or files are corrupt.
    """
    model: Any = new_decoder(base)
    if card.method != "full":
        check_base(card, base, str(folder))
        merge(model, read_weights(folder / ADAPTER_WEIGHTS), read_config(folder))
    return TorchDecoder(model.eval().to(default_device()), Vocabulary(base.folder))


def base_of(folder: Path, card: GeneratorCard, name: str | None = None) -> Base:
    """The base of a run, under another name if one is given; a full run is its own."""
    if card.method == "full":
        return Base(str(folder), folder)
    return resolve_base(name or card.base, revision=None if name else card.base_revision)


class AdapterShelf:
    """One decoder base with adapters by name, one of which is active; switching takes milliseconds.

    Args:
        base: that all adapters were trained on.

    Attributes:
        decoder: the model with the active adapter.

    Examples:
        >>> shelf = AdapterShelf(base)  # doctest: +SKIP
        >>> shelf.add("it", Path("runs/it"), GeneratorCard.read(Path("runs/it")))  # doctest: +SKIP
        >>> shelf.use("it")  # doctest: +SKIP
    """

    def __init__(self, base: Base) -> None:
        self._base = base
        self._model: Any = None
        self.decoder = TorchDecoder(new_decoder(base).eval().to(default_device()), Vocabulary(base.folder))

    def add(self, name: str, folder: Path, card: GeneratorCard) -> None:
        """Load an adapter; one of that name is replaced.

        Raises:
            ModelError: if it was trained on another base, or is corrupt.
        """
        from peft import PeftModel

        check_base(card, self._base, str(folder))
        # Read here for the sake of our messages: PEFT's name neither the file nor the mend.
        read_weights(folder / ADAPTER_WEIGHTS)
        read_config(folder)
        if self._model is None:
            self._model = PeftModel.from_pretrained(self.decoder.model, folder, adapter_name=name).eval()
            self.decoder.model = self._model
            return
        if name in self._model.peft_config:
            self.remove(name)
        self._model.load_adapter(folder, adapter_name=name)
        self._model.eval()

    def remove(self, name: str) -> None:
        """Forget an adapter."""
        self._model.delete_adapter(name)
        self.decoder.forget()

    def use(self, name: str) -> None:
        """Make an adapter the active one."""
        self._model.set_adapter(name)
