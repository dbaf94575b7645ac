"""The card of an assembled corpus: a dataset card as the Hugging Face hub reads it, all figures from the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from onoma.files import write_text

_EXPLAINED = {
    "empty": "no word",
    "unmatched": "too many mentions that are not in the text",
    "density": "almost nothing but entities",
    "language": "in another language than it says",
    "contradictory": "the same text with different labels",
    "duplicate": "the same text again",
    "leaks": "like a text of an evaluation corpus",
    "balance": "beyond the shares of languages and labels",
}


def write_card(manifest: Mapping[str, Any], path: Path) -> None:
    """Write the card of a manifest that :func:`onoma.annotation.assemble.assemble` made."""
    splits, parts = manifest["splits"], manifest["parts"]
    languages = sorted({name for row in splits.values() for name in row["languages"] if name})
    labels = sorted({name for row in splits.values() for name in row["labels"]})
    head = {
        "task_categories": ["token-classification"],
        "language": languages,
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"{name}.parquet"} for name in splits],
            }
        ],
    }
    lines = [
        "---",
        yaml.safe_dump(head, allow_unicode=True, sort_keys=False).rstrip(),
        "---",
        "",
        "# Named entities, assembled with Onoma",
        "",
        "Labels were given by programs, not by people, unless a part says otherwise.",
        "",
        "## Splits",
        "",
        *_table(
            ["split", "documents", "with entities", "words", *labels],
            [
                [name, row["documents"], row["with_entities"], row["words"], *(row["labels"].get(x, 0) for x in labels)]
                for name, row in splits.items()
            ],
        ),
        "",
        f"{manifest['near_duplicate_groups']} groups of near-duplicates, each on one side of the split.",
        "",
        "## Languages",
        "",
        *_table(
            ["language", *splits],
            [
                [name or "?", *(row["languages"].get(name, 0) for row in splits.values())]
                for name in sorted({name for row in splits.values() for name in row["languages"]})
            ],
        ),
        "",
        "## Sources and licences",
        "",
        *_table(
            ["part", "source", "licence", "documents read", "left out"],
            [
                [
                    name,
                    manifest["assembly"]["parts"][name]["source"],
                    row["licence"],
                    row["read"],
                    sum(row["rejected"].values()),
                ]
                for name, row in parts.items()
            ],
        ),
        "",
        "## Left out",
        "",
        *_table(
            ["part", "documents", "reason"],
            [
                [name, count, _EXPLAINED[reason]]
                for name, row in parts.items()
                for reason, count in sorted(row["rejected"].items())
            ],
        ),
    ]
    if manifest["agreement"]:
        rows = [
            [
                name,
                row["documents"],
                f"{row['f1']:.3f} [{row['interval'][0]:.3f}, {row['interval'][1]:.3f}]",
                f"{row['kappa']:.3f}",
            ]
            for name, row in manifest["agreement"].items()
        ]
        lines += ["", "## Agreement", "", *_table(["with", "documents", "strict F1, 95 % interval", "kappa"], rows)]
    if manifest["cost"]:
        rows = [[name, value] for name, value in manifest["cost"].items()]
        lines += ["", "## Cost of labelling", "", *_table(["", ""], rows)]
    write_text(path, "\n".join(lines) + "\n")


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *map(line, rows)]
