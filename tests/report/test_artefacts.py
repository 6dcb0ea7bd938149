from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from changedet.evidence import Evidence
from changedet.report.artefacts import rewrite_report, write_report
from changedet.report.check import check
from changedet.scene import Asset, Failure
from tests.report.builders import BuilderSource
from tests.report.runs import small_evidence

FOLDER = "/home/informant/archive"
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
