"""All artefacts of a run, in the order in which they build on each other. Each is one file of this room."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from changedet.errors import InputError
from changedet.evidence import Evidence
from changedet.report import (
    arrays,
    check,
    composite,
    item,
    kmz,
    manifest,
    page,
    pdf,
    raster,
    runfile,
    timelapse,
    vectors,
)

Write = Callable[[Evidence, Path], tuple[Path, ...]]

WRITERS: tuple[Write, ...] = (
    raster.write,
    vectors.write,
    kmz.write,
    composite.write,
    timelapse.write,
    page.write,
    runfile.write,
    arrays.save,
)


def write_report(evidence: Evidence, folder: Path, *, with_pdf: bool = False) -> tuple[Path, ...]:
    """Write every artefact of the evidence into ``folder``, and seal it with a manifest of all their hashes.

    Returns
    -------
    paths of the files, in order of writing
    """
    written: list[Path] = []
    for write in (*WRITERS, *((pdf.write,) if with_pdf else ()), item.write):
        written += write(evidence, folder)
    return (*written, manifest.seal(folder))


def rewrite_report(run: Path, *, with_pdf: bool = False) -> tuple[Path, ...]:
    """Make the artefacts of a finished run again from its stored arrays, without the network.

    The run folder is replaced whole: written aside, then renamed.

    Raises
    ------
    InputError
        When the folder is no finished run, or any file of it was altered: what was altered is not sealed anew.
    """
    findings = check.check(run)
    if findings:
        raise InputError(f"{run}: not made again, for it is not as it was made: {findings[0]}")
    evidence = arrays.load(run)
    aside = run.with_name(f".{run.name}.again.part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        names = [path.relative_to(aside) for path in write_report(evidence, aside, with_pdf=with_pdf)]
        old = run.with_name(f".{run.name}.old.part")
        run.rename(old)
        aside.rename(run)
        shutil.rmtree(old)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return tuple(run / name for name in names)
