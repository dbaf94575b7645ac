"""A run on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from onoma.errors import ModelError
from onoma.models.runs import RunCard

PUSHED = (
    *("README.md", "onoma.json", "recipe.yaml", "metrics.json", "adapter_config.json", "adapter_model.safetensors"),
    *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
)
"""Files that go to the hub: what loads the run and what says how it was made, but no sentence of anybody's data."""


def push_to_hub(folder: str | Path, name: str, *, private: bool = False) -> str:
    """Put a run on the hub, from where ``onoma.load(name)`` and plain PEFT load it.

    Args:
        folder: the run.
        name: ``owner/name``; the repository is made if it is not there.
        private: make it visible to its owner alone.

    Returns:
        The address of the commit.

    Raises:
        ModelError: if the folder is no run, or the hub refuses.

    Examples:
        >>> push_to_hub("runs/assamese", "owner/assamese-ner")  # doctest: +SKIP
        'https://huggingface.co/owner/assamese-ner/commit/…'
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    folder = Path(folder)
    RunCard.read(folder)
    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(
            folder_path=folder,
            repo_id=name,
            allow_patterns=list(PUSHED),
            commit_message="Add a named-entity tagger trained with Onoma",
        )
    except HFValidationError as error:
        raise ModelError(f"not a name of a hub repository: {name!r}", mend="Write owner/name.") from error
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise ModelError(
            f"the hub did not take {name!r} ({' '.join(str(error).split())[:200]})",
            mend="Log in with `hf auth login`, and check the name and the network.",
        ) from error
    return str(commit.commit_url)
