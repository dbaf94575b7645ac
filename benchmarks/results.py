"""results.md: one section a benchmark, each written anew by its script and kept by the others."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).with_suffix(".md")
_HEAD = (
    "# Measured\n\nEach section is written by the command in it. Ratios were measured side by side in one run; "
    "absolute figures hold for the machine that is named.\n"
)


def write_section(title: str, command: str, lines: Sequence[str]) -> None:
    """Put a section into results.md in the place of the one with its title, and print it."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else _HEAD
    head, *sections = re.split(r"(?m)^## ", text)
    kept = {section.partition("\n")[0]: section.partition("\n")[2].strip("\n") for section in sections}
    kept[title] = "\n".join([f"`{command}` on {machine()}", "", *lines]).rstrip()
    body = "\n".join(f"## {name}\n\n{content.strip()}\n" for name, content in kept.items())
    RESULTS.write_text(f"{head.rstrip()}\n\n{body}", encoding="utf-8")
    print(f"## {title}\n{kept[title]}")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; all columns but the first stand on the right."""
    return [
        f"| {' | '.join(columns)} |",
        f"|---|{'---:|' * (len(columns) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def machine() -> str:
    """Processor, cores and Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores of {name or platform.machine()}, Python {platform.python_version()}"
