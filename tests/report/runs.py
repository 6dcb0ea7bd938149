"""A finished run folder without the pictures and the page, small enough to be hashed hundreds of times."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from changedet.evidence import Evidence
from changedet.report import arrays, item, kmz, manifest, runfile, vectors
from tests.report.builders import make_evidence

RUN = "20250701T000000-abcdef12"


def small_evidence(*, hostile: bool = False, simulated: bool = True) -> Evidence:
    """The evidence of the builders with four dates of each stack, so that files stay small."""
    evidence = make_evidence(hostile=hostile, simulated=simulated)
    stacks = {key: stack.isel(time=[0, 1, -2, -1]) for key, stack in evidence.stacks.items()}
    return replace(evidence, stacks=stacks)


def write_run(out: Path, evidence: Evidence, run: str = RUN) -> Path:
    """``<out>/<site>/<run>`` with every file of this part of the report, sealed."""
    folder = out / evidence.site.id / run
    folder.mkdir(parents=True)
    for write in (vectors.write, kmz.write, runfile.write, arrays.save, item.write):
        write(evidence, folder)
    manifest.seal(folder)
    return folder


def copied(folder: Path, target: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(folder, target)
    return target
