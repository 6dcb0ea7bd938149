"""All artefacts of a run, in the order in which they build on each other. Each is one file of this room."""

from __future__ import annotations

from pathlib import Path

from changedet.evidence import Evidence
from changedet.report import composite, kmz, page, raster, runfile, vectors

WRITERS = (raster, vectors, kmz, composite, page, runfile)


def write_report(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write every artefact of the evidence into ``folder``.

    Returns
    -------
    paths of the files, in order of writing
    """
    written: list[Path] = []
    for writer in WRITERS:
        written += writer.write(evidence, folder)
    return tuple(written)
