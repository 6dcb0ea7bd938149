"""Every fault on every source, over loopback sockets: ``python benchmarks/reliability.py [--write]``.

Writes the table of docs/reliability.md. Needs CHANGEDET_CONTRACTS (default ../shared/contracts).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from kills import write_section  # noqa: E402

from tests.faults import FAULTS, KINDS, Cell, Fault, Laboratory  # noqa: E402

HEAD = (
    "| fault | source | what happened | requests sent | bytes lost | run again: requests | same bytes | sentence |",
    "|---|---|---|---:|---:|---:|---|---|",
)
WORDS = """\
Four acquisitions over loopback sockets, found and fetched as a run does it. Time-outs are short here, 1.0 s for a read
and 1.6 s for an answer, with three attempts, so that the table is made in minutes; the defaults stand in
`changedet/sources/transport.py`. *Recovered*: every scene came. *Recorded*: a scene is named as failed with the reason,
and the run goes on with the others. *Refused*: the run ends with one sentence and exit code 3, or 2 where the catalogue
holds no scene or is no catalogue. Then the same run again on the same cache, without the fault; *bytes lost* are those
that an undisturbed run keeps and this one does not. A damaged file of the cache is put aside and fetched again.

No provider's checksum can be held against a window of a file, for it is that of the whole. What the cache keeps is
named by its own SHA-256, which is verified whenever it is read."""


def row(fault: Fault, kind: str, cell: Cell) -> str:
    sentence = " ".join(cell.sentence.split("; sentinel-2-")[0].split()).replace("|", "/")
    code = f" (exit {cell.code})" if cell.code else ""
    return (
        f"| {fault.name} | {kind} | {cell.outcome}{code} | {cell.requests} | {cell.lost} | {cell.again} | "
        f"{'yes' if cell.same else '**no**'} | {sentence} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    arguments = parser.parse_args()
    contracts = Path(os.environ.get("CHANGEDET_CONTRACTS") or ROOT / "../shared/contracts").resolve()
    lines, outcomes, wrong = [*HEAD], Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory.build(Path(folder), contracts)
        for fault in FAULTS:
            for kind in (kind for kind in KINDS if kind in fault.kinds and arguments.only in fault.name):
                with tempfile.TemporaryDirectory() as place:
                    cell = laboratory.cell(fault, kind, Path(place))
                lines.append(row(fault, kind, cell))
                outcomes[cell.outcome] += 1
                if cell.outcome != fault.outcome(kind) or cell.lost or not cell.same:
                    wrong.append(lines[-1])
                print(lines[-1], flush=True)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    summary = f"{sum(outcomes.values())} cells: {counted}; {len(wrong)} otherwise than promised."
    print(summary)
    if wrong:
        raise SystemExit("\n".join(wrong))
    if arguments.write:
        write_section(
            "faults", "Each fault on each source", "python benchmarks/reliability.py --write",
            [WORDS, "", summary, "", *lines],
        )  # fmt: skip


if __name__ == "__main__":
    main()
