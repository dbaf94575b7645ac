"""Token classifiers on a base: made, adapted, carried from stage to stage, saved and read back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from onoma.errors import ModelError, nearest
from onoma.models.bases import Base
from onoma.models.runs import Method

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
MODEL_WEIGHTS = "model.safetensors"
_HEADS = ("classifier", "score")
_LAYER_NUMBER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class AdapterSettings:
    """What is trained on top of a base.

    Args:
        method: ``lora`` (https://arxiv.org/abs/2106.09685), ``dora`` (https://arxiv.org/abs/2402.09353), ``rslora``
            (https://arxiv.org/abs/2312.03732) or ``full`` fine-tuning.
        rank: of the update.
        alpha: scale of the update; it is multiplied by ``alpha / rank`` (``alpha / sqrt(rank)`` for rslora).
        dropout: on the adapter's input.
        targets: ``("all-linear",)`` or names of layers, such as ``("query", "value")``.
        first_layer: number of the first layer that is adapted; those below stay as they are, which keeps languages
            aligned that the base has aligned there (Wu and Dredze 2019, https://aclanthology.org/D19-1077).
        pieces: ids whose word embeddings are trained and saved too.
    """

    method: Method = "lora"
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ("all-linear",)
    first_layer: int = 0
    pieces: tuple[int, ...] = ()


def new_classifier(base: Base, tags: Sequence[str], layers: int | None = None) -> PreTrainedModel:
    """A clean base in float32 with a fresh head of ``len(tags)`` outputs.

    Args:
        base: of any architecture with a token classifier.
        tags: of the head.
        layers: keep only this many, see :func:`keep_layers`.

    Raises:
        ModelError: if the weights are corrupt, the architecture has no token classifier, or the base has fewer layers.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForTokenClassification
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # a fresh head is what is wanted here, not a thing to warn of
    logging.disable_progress_bar()
    try:
        model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(
            base.folder,
            dtype="float32",
            use_safetensors=True,
            id2label=dict(enumerate(tags)),
            label2id={tag: number for number, tag in enumerate(tags)},
        )
    except (SafetensorError, OSError) as error:
        raise ModelError(f"the base's weights cannot be read ({error})", where=str(base.folder)) from error
    except ValueError as error:
        raise ModelError(f"this base cannot tag tokens ({error})".splitlines()[0], where=base.name) from error
    finally:
        logging.set_verbosity(verbosity)
    if layers is not None:
        keep_layers(model, layers)
    return model


def keep_layers(model: PreTrainedModel, count: int) -> None:
    """Keep some of a model's layers, evenly spread from the first to the last, as DistilBERT's start does.

    Sanh et al. 2019, https://arxiv.org/abs/1910.01108.

    Raises:
        ModelError: if it has fewer, or keeps them in no list.
    """
    import torch

    total = model.config.num_hidden_layers
    lists = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.ModuleList) and len(child) == total
    ]
    if count > total or not lists:
        raise ModelError(f"this base has {total} layers, not {count} to keep", where="layers")
    chosen = [round(number * (total - 1) / max(1, count - 1)) for number in range(count)]
    for parent, name, child in lists:
        setattr(parent, name, torch.nn.ModuleList([child[number] for number in chosen]))
    model.config.num_hidden_layers = count


def attach(
    model: PreTrainedModel, settings: AdapterSettings, task: Literal["TOKEN_CLS", "CAUSAL_LM"] = "TOKEN_CLS"
) -> Any:
    """Put a fresh adapter on a classifier or a decoder; for ``full`` the model itself comes back.

    A classifier's head always trains.

    Raises:
        ModelError: if no layer has a target's name.
    """
    if settings.method == "full":
        return model
    from peft import LoraConfig, TaskType, get_peft_model

    targets = _check_targets(model, settings.targets, settings.first_layer)
    config = LoraConfig(
        task_type=TaskType[task],
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        exclude_modules=list(_HEADS) if task == "TOKEN_CLS" else ["lm_head"],
        modules_to_save=[head_name(model)] if task == "TOKEN_CLS" else None,
        use_dora=settings.method == "dora",
        use_rslora=settings.method == "rslora",
        trainable_token_indices=list(settings.pieces) or None,
    )
    return get_peft_model(model, config)


def _check_targets(model: PreTrainedModel, targets: Sequence[str], first_layer: int) -> str | list[str]:
    import torch
    from transformers.pytorch_utils import Conv1D

    everything = tuple(targets) == ("all-linear",)
    if everything and not first_layer:
        return "all-linear"
    layers = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear | Conv1D)]
    for target in () if everything else targets:
        if not any(f".{layer}".endswith(f".{target}") for layer in layers):
            raise ModelError(
                f"no linear layer of this base is named {target!r}",
                where="adapter.targets",
                mend=nearest(target, {layer.rpartition(".")[2] for layer in layers} - set(_HEADS)),
            )
    if not first_layer:
        return list(targets)
    chosen = [
        layer
        for layer in layers
        if (number := _LAYER_NUMBER.search(layer))
        and int(number[1]) >= first_layer
        and (everything or any(f".{layer}".endswith(f".{target}") for target in targets))
    ]
    if not chosen:
        raise ModelError(f"this base has no layer {first_layer} to begin with", where="adapter.first_layer")
    return chosen


def head_name(model: PreTrainedModel) -> str:
    """Name of the classification head."""
    for name in _HEADS:
        if hasattr(model, name):
            return name
    raise ModelError(
        f"{type(model).__name__} has no classification head that is known", mend=f"Known: {', '.join(_HEADS)}."
    )


@dataclass(frozen=True)
class Carried:
    """What became of the tags of a head when it moved to another label set."""

    carried: tuple[str, ...]
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]


def carry_weights(model: Any, source: Path, source_tags: Sequence[str], tags: Sequence[str]) -> Carried:
    """Load the weights of an earlier stage into a freshly made model; the head's rows are matched by tag name.

    Args:
        model: from :func:`attach`, on a clean base.
        source: folder of the earlier stage.
        source_tags: the tags of its head.
        tags: the tags of the new head.

    Raises:
        ModelError: if weights are missing, corrupt or of another shape.
    """
    peft = hasattr(model, "peft_config")
    state = read_weights(source / (ADAPTER_WEIGHTS if peft else MODEL_WEIGHTS))
    own = _adapter_state(model) if peft else model.state_dict()
    rows = [(tags.index(tag), source_tags.index(tag)) for tag in tags if tag in source_tags]
    heads = [key for key in state if any(f"{head}." in key for head in _HEADS)]
    for key in heads:
        if key in own and own[key].shape[1:] == state[key].shape[1:]:
            moved = own[key].detach().clone()
            for new, old in rows:
                moved[new] = state[key][old]
            state[key] = moved
    mismatched = [key for key in state if key not in own or own[key].shape != state[key].shape]
    mismatched += [key for key in own if key not in state]
    if mismatched:
        raise ModelError(
            f"the earlier stage's weights do not fit this one's (first: {mismatched[0]})",
            where=str(source),
            mend="Keep method, rank and targets the same in all stages.",
        )
    _set_state(model, state)
    return Carried(
        carried=tuple(tag for tag in tags if tag in source_tags),
        fresh=tuple(tag for tag in tags if tag not in source_tags),
        dropped=tuple(tag for tag in source_tags if tag not in tags),
    )


def average_weights(model: Any, folders: Sequence[Path]) -> None:
    """Give a model the mean of the trained weights in several of its checkpoints.

    That is stochastic weight averaging at the end of a schedule (Izmailov et al. 2018, https://arxiv.org/abs/1803.05407).

    Args:
        model: from :func:`attach`.
        folders: checkpoints, at least one.
    """
    name = ADAPTER_WEIGHTS if hasattr(model, "peft_config") else MODEL_WEIGHTS
    total = read_weights(folders[0] / name)
    for folder in folders[1:]:
        for key, value in read_weights(folder / name).items():
            total[key] += value
    _set_state(model, {key: value / len(folders) for key, value in total.items()})


def trained_weights(model: Any) -> dict[str, torch.Tensor]:
    """Copies of the parameters that training changes, by name."""
    return {name: value.detach().cpu().clone() for name, value in model.named_parameters() if value.requires_grad}


def blend_weights(model: Any, other: Mapping[str, torch.Tensor], share: float) -> None:
    """Move the trained weights of a model towards others: ``share`` of its own, the rest of theirs.

    Args:
        model: from :func:`attach`.
        other: from :func:`trained_weights`, at an earlier time.
        share: between 0 and 1.
    """
    import torch

    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in other:
                value.lerp_(other[name].to(value.device), 1 - share)


def _set_state(model: Any, state: Mapping[str, torch.Tensor]) -> None:
    if hasattr(model, "peft_config"):
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, dict(state))
    else:
        model.load_state_dict(state)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file.

    Raises:
        ModelError: if it is missing or corrupt.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        # `load_file` of safetensors 0.8 loses some memory for each tensor, which a service that reloads adapters keeps.
        return load(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError("no such file", where=str(path)) from error
    except SafetensorError as error:
        raise ModelError(
            f"the weights are corrupt ({error})", where=str(path), mend="Copy or train the run again."
        ) from error


def save_model(model: Any, folder: Path, base: Base) -> None:
    """Save what was trained: the adapter with its head in PEFT's layout, or the whole model with its tokenizer."""
    if hasattr(model, "peft_config"):
        from safetensors.torch import save_file

        model.peft_config["default"].base_model_name_or_path = base.name
        model.peft_config["default"].revision = base.revision
        model.peft_config["default"].inference_mode = True
        model.peft_config["default"].save_pretrained(str(folder))
        state = {key: value.detach().cpu().contiguous() for key, value in _adapter_state(model).items()}
        save_file(state, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    else:
        model.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            if (base.folder / name).exists():
                shutil.copyfile(base.folder / name, folder / name)


class _Trained(Protocol):
    """The part of a card that says what base a run was trained on."""

    @property
    def base(self) -> str: ...
    @property
    def base_revision(self) -> str | None: ...
    @property
    def base_checksum(self) -> str: ...
    @property
    def tokenizer_checksum(self) -> str: ...


def check_base(card: _Trained, base: Base, where: str) -> None:
    """Refuse to put an adapter on another base than its own.

    Raises:
        ModelError: if the weights or the tokenizer differ.
    """
    for what, expected, found in (
        ("weights", card.base_checksum, base.checksum),
        ("tokenizer", card.tokenizer_checksum, base.tokenizer_checksum),
    ):
        if expected != found:
            raise ModelError(
                f"the {what} of {base.name!r} are not those that this adapter was trained on "
                f"({found[:15]}… instead of {expected[:15]}…)",
                where=where,
                mend=f"Use the same {card.base!r}"
                + (f" at revision {card.base_revision}." if card.base_revision else "."),
            )


def _adapter_state(model: Any) -> dict[str, torch.Tensor]:
    from peft import get_peft_model_state_dict

    state: dict[str, torch.Tensor] = get_peft_model_state_dict(model, save_embedding_layers=False)
    return state
