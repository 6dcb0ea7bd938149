"""What the benchmarks share: where data lies, Markdown tables, and sections of ``docs/`` that only they write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CHANGEDET_DATA") or ROOT / "../shared/data").resolve()
CONTRACTS = Path(os.environ.get("CHANGEDET_CONTRACTS") or ROOT / "../shared/contracts").resolve()
BENCHMARKS, RELIABILITY = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "reliability.md"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; columns of figures are set to the right."""
    columns = zip(*rows, strict=True)
    marks = ["---:" if all(cell[:1].isdigit() for cell in column) else "---" for column in columns]
    return [f"| {' | '.join(head)} |", f"|{'|'.join(marks)}|", *(f"| {' | '.join(row)} |" for row in rows)]


def write_section(marker: str, title: str, command: str, lines: Sequence[str], document: Path = BENCHMARKS) -> None:
    """Replace the section between the marks of ``marker``, or append it to the document."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    body = "\n".join([begin, f"## {title}", "", f"`{command}`", "", *lines, end])
    text = document.read_text(encoding="utf-8")
    if begin in text:
        text = text[: text.index(begin)] + body + text[text.index(end) + len(end) :]
    else:
        text = f"{text.rstrip()}\n\n{body}\n"
    document.write_text(text, encoding="utf-8")
