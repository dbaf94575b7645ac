"""The model card of a run, in the form that the Hugging Face hub shows."""

from __future__ import annotations

from typing import Any

import yaml

from onoma.models.bases import Base, is_hub_id
from onoma.training.recipe import Recipe


def model_card(recipe: Recipe, base: Base, metrics: dict[str, Any]) -> str:
    """Markdown with YAML front matter.

    Args:
        recipe: of the run.
        base: that it was trained on.
        metrics: contents of ``metrics.json``.
    """
    kind = "A language model that writes named entities" if recipe.generator else "A named-entity tagger"
    languages = sorted(name for name in recipe.data.corpora if 2 <= len(name) <= 3)
    front: dict[str, Any] = {
        "library_name": "peft" if recipe.adapter.method != "full" else "transformers",
        "pipeline_tag": "text-generation" if recipe.generator else "token-classification",
        "tags": ["onoma", "named-entity-recognition", recipe.adapter.method],
    }
    if is_hub_id(recipe.base):
        front["base_model"] = recipe.base
    if languages:
        front["language"] = languages
    lines = [
        "---",
        yaml.safe_dump(front, allow_unicode=True, sort_keys=False).strip(),
        "---",
        "",
        f"# {recipe.name}",
        "",
        f"{kind} for {', '.join(metrics['labels'])}, trained with Onoma "
        f"({recipe.adapter.method} on `{recipe.base}`, checksum `{base.checksum[:23]}…`).",
        "",
        "```python",
        "import onoma",
        "",
        'extractor = onoma.load("path/or/hub-id")',
        'extractor.extract("…").spans',
        "```",
        "",
        "## Scores",
        "",
        "Strict entity F1 (offsets and label) with bootstrap 95 % interval; *unseen* leaves out test sentences that "
        "stand in the training data too.",
        "",
        "| after stage | test | sentences | F1 | interval | unseen F1 | seed |",
        "|---|---|---:|---:|---|---:|---:|",
    ]
    for stage in metrics["stages"]:
        for name, scores in stage["test"].items():
            low, high = scores["all"]["interval"]
            unseen = f"{scores['unseen']['micro']['f1']:.3f}" if scores["unseen"] else "–"
            lines.append(
                f"| {stage['stage']} | {name} | {scores['all']['documents']} | {scores['all']['micro']['f1']:.3f} "
                f"| {low:.3f}–{high:.3f} | {unseen} | {metrics['seed']} |"
            )
    lines += [
        "",
        "## Training data",
        "",
        *(
            f"- stage {stage['stage']}: "
            + ", ".join(f"{count} sentences of {name}" for name, count in stage["sentences"].items())
            + f"; {stage['steps']} steps, {stage['seconds']:.0f} s, {stage['trainable']:,} trained parameters"
            for stage in metrics["stages"]
        ),
        "",
        "`recipe.yaml` beside this file makes the run again.",
        "",
    ]
    return "\n".join(lines)
