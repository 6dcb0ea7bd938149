"""Every fault on every source, over loopback sockets: ``python benchmarks/reliability.py [--write]``.

Writes the table of docs/reliability.md. Needs CHANGEDET_CONTRACTS (default ../shared/contracts).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tables import CONTRACTS, RELIABILITY, ROOT, table, write_section

sys.path.insert(0, str(ROOT))  # the faults are those of the tests, all of them here

from tests.faults import FAULTS, KINDS, Cell, Fault, Laboratory

HEAD = (
    "fault", "source", "what happened", "requests sent", "bytes lost", "run again: requests", "same bytes", "sentence",
)  # fmt: skip
WORDS = """\
Four acquisitions over loopback sockets, found and fetched as a run does it. Time-outs are short here, 1.0 s for a read
and 1.6 s for an answer, with three attempts, so that the table is made in minutes; the defaults stand in
`changedet/sources/transport.py`. *Recovered*: every scene came. *Recorded*: a scene is named as failed with the reason,
and the run goes on with the others. *Refused*: the run ends with one sentence and exit code 3, or 2 where the catalogue
holds no scene or is no catalogue. Then the same run again on the same cache, without the fault; *bytes lost* are those
that an undisturbed run keeps and this one does not. A damaged file of the cache is put aside and fetched again.

No provider's checksum can be held against a window of a file, for it is that of the whole. What the cache keeps is
named by its own SHA-256, which is verified whenever it is read."""


def row(fault: Fault, kind: str, cell: Cell) -> list[str]:
    sentence = " ".join(cell.sentence.split("; sentinel-2-")[0].split()).replace("|", "/")
    code = f" (exit {cell.code})" if cell.code else ""
    return [
        fault.name, kind, f"{cell.outcome}{code}", str(cell.requests), str(cell.lost), str(cell.again),
        "yes" if cell.same else "**no**", sentence,
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    outcomes, wrong = Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory.build(Path(folder), CONTRACTS)
        for fault in FAULTS:
            for kind in (kind for kind in KINDS if kind in fault.kinds and arguments.only in fault.name):
                with tempfile.TemporaryDirectory() as place:
                    cell = laboratory.cell(fault, kind, Path(place))
                rows.append(row(fault, kind, cell))
                outcomes[cell.outcome] += 1
                if cell.outcome != fault.outcome(kind) or cell.lost or not cell.same:
                    wrong.append(" | ".join(rows[-1]))
                print(" | ".join(rows[-1]), flush=True)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    summary = f"{sum(outcomes.values())} cells: {counted}; {len(wrong)} otherwise than promised."
    print(summary)
    if wrong:
        raise SystemExit("\n".join(wrong))
    if arguments.write:
        lines = [WORDS, "", summary, "", *table(HEAD, rows)]
        command = "python benchmarks/reliability.py --write"
        write_section("faults", "Each fault on each source", command, lines, RELIABILITY)


if __name__ == "__main__":
    main()
