from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from changedet.evidence import Evidence
from changedet.report import check as checking
from changedet.report import manifest
from changedet.report.artefacts import rewrite_report, write_report
from changedet.report.check import check
from changedet.scene import Asset, Failure
from changedet.store import sha256_of
from tests.report.builders import BuilderSource
from tests.report.runs import small_evidence

FOLDER = "/home/informant/archive"
FLIPS = 100
"""Random places in each file."""
TOKEN = "sig=U0VDUkVU"


def secretive() -> Evidence:
    """Hostile names, signed addresses, and folders that name their owner, wherever a reader could have left them."""
    made = small_evidence(hostile=True)
    scenes = [
        replace(
            scene,
            source=f"{FOLDER}/catalog.json",
            assets={name: Asset(href=f"{FOLDER}/{scene.time:%Y%m%d}/{name}.tif?{TOKEN}") for name in scene.assets},
            notes=(f"read from {FOLDER}/item.json",),
        )
        for scene in made.scenes
    ]
    return replace(
        made,
        site=made.site.model_copy(update={"source": BuilderSource(catalog=f"{FOLDER}/catalog.json")}),
        scenes=tuple(scenes),
        failures=(Failure("S2A", "nir", f"https://blob.example.org/nir.tif?{TOKEN}: timed out"),),
        notes=(f"kept at {FOLDER}/cache, from https://blob.example.org/a?{TOKEN}",),
        provenance=replace(made.provenance, parameters={"source": {"catalog": f"{FOLDER}/catalog.json"}}),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artefacts") / "site" / "run"
    folder.mkdir(parents=True)
    write_report(secretive(), folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_finished_run_is_sealed(run: Path) -> None:
    assert check(run) == ()
    assert {"report.html", "change.tif", "composite.png", "detections.kmz", "item.json", "SHA256SUMS"} <= set(
        contents(run)
    )


def test_no_artefact_names_this_machine_or_carries_a_token(run: Path) -> None:
    for name, content in contents(run).items():
        assert b"informant" not in content, name
        assert TOKEN.encode() not in content, name


def test_artefacts_made_again_from_the_stored_arrays_are_the_same_bytes(run: Path) -> None:
    first = contents(run)
    rewrite_report(run)
    again = contents(run)
    assert sorted(again) == sorted(first)
    assert [name for name in first if first[name] != again[name]] == []
    assert check(run) == ()


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """A file with one bit turned over, and back again."""
    with path.open("r+b") as stream:
        for _ in range(2):
            stream.seek(bit // 8)
            (byte,) = stream.read(1)
            stream.seek(bit // 8)
            stream.write(bytes([byte ^ 1 << bit % 8]))
            stream.flush()
            if _ == 0:
                yield


def test_each_single_flipped_bit_of_each_artefact_is_found(
    romania_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file of a whole run on real imagery: pictures, page, rasters, vectors, arrays and records."""
    folder = tmp_path / "run"
    shutil.copytree(romania_run, folder)
    names = (*manifest.files(folder), manifest.NAME)
    assert {"report.html", "timelapse.webp", "change.tif", "detections.gpkg", "item.json"} <= set(names)
    known = {folder / name: sha256_of(folder / name) for name in names}
    rng = np.random.default_rng(20250701)
    for name in names:
        path = folder / name
        # the other files were not touched since they were hashed: to hash them again 100 times would say nothing more
        monkeypatch.setattr(checking, "sha256_of", lambda p, path=path: sha256_of(p) if p == path else known[p])
        for bit in rng.integers(0, 8 * path.stat().st_size, FLIPS):
            with flipped(path, int(bit)):
                assert [(f.file, f.trouble) for f in check(folder)] == [(name, "altered")], (name, bit)
    monkeypatch.undo()
    assert check(folder) == ()
