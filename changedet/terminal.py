"""What commands print: results in words or as JSON, and bars while they work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID

    from changedet.pipeline import Answer, Run
    from changedet.scene import Failure
    from changedet.searching import Found

STEPS = {
    "acquire": "Fetching scenes",
    "grid": "Placing them on one grid",
    "prepare": "Making dates comparable",
    "detect": "Looking for change",
    "report": "Writing the report",
    "simulate": "Simulating acquisitions",
}


def print_json(value: object) -> None:
    """One JSON value for programs."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def print_run(result: Run, as_json: bool) -> None:
    """How many places changed, what could not be used, and where the report is."""
    evidence = result.evidence
    if as_json:
        counts = {
            "scenes": len(evidence.scenes),
            "failures": len(evidence.failures),
            "dropped": len(evidence.dropped),
            "detections": len(evidence.detections),
        }
        print_json({"run": str(result.folder), "counts": counts, "files": [str(path) for path in result.files]})
        return
    count = len(evidence.detections)
    typer.echo(f"{count} place{'' if count == 1 else 's'} changed, from {len(evidence.scenes)} scenes.")
    _print_failures(evidence.failures)
    typer.echo(result.folder / "report.html")


def print_answer(result: Answer, as_json: bool) -> None:
    """The verdict on each object and on the whole claim, what could not be used, and where the report is."""
    if as_json:
        print_json(
            {
                "run": str(result.folder),
                "outcome": result.claim.whole.outcome,
                "objects": [
                    {"name": v.subject, "outcome": v.outcome, "reasons": list(v.reasons), "sentence": v.sentence}
                    for v in result.verdicts
                ],
                "files": [str(path) for path in result.files],
            }
        )
        return
    for verdict in result.verdicts:
        typer.echo(f"{verdict.outcome}: {verdict.sentence}")
    typer.echo(f"The claim as a whole: {result.claim.whole.outcome}.")
    _print_failures(result.failures)
    typer.echo(result.folder / "report.html")


def print_search(found: Found) -> None:
    """A table of the scenes that a run would use."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from changedet.searching import HEADINGS

    table = Table(title=f"{found.site}: {len(found.rows)} scenes", show_lines=False)
    for heading in HEADINGS:
        table.add_column(heading)
    for row in found.rows:
        table.add_row(*map(escape, row.cells()))  # what a catalogue says is no markup
    console = Console()
    console.print(table)
    console.print(found.summary)


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Bars on a terminal, silence elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(STEPS.get(step, step), total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield report


def _print_failures(failures: Iterable[Failure]) -> None:
    for failure in failures:
        typer.echo(f"not used: scene {failure.scene}, asset {failure.asset}: {failure.reason}", err=True)
