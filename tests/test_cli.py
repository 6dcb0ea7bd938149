"""The command line from outside: what a user types, what comes back, and what a mistake costs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.archive import SIZE, Shot, ground, shot, site_yaml, write_archive

BEFORE, AFTER = "[2024-01-01, 2024-06-30]", "[2024-07-01, 2024-12-31]"
GONE = (slice(30, 40), slice(34, 46))
"""Rows and columns of the building that is there before and gone after."""


def with_building(reflectance: NDArray[np.float64]) -> NDArray[np.float64]:
    built = reflectance.copy()
    built[GONE] += 0.2
    return built


def shots() -> list[Shot]:
    before = [shot(f"2024-{month:02d}-{d:02d}", with_building(ground()), month * 40 + d)
              for month in range(1, 7) for d in (3, 18)]  # fmt: skip
    after = [shot(f"2024-{month:02d}-{d:02d}", ground(), month * 40 + d) for month in (8, 9) for d in (3, 18)]
    return before + after


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("original") / "archive", shots()).parent


@pytest.fixture
def archive(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "archive"))


@pytest.fixture
def site(archive: Path) -> Path:
    return site_yaml(archive.parent, "archive/catalog.json", before=BEFORE, after=AFTER)


def changedet(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "changedet", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        timeout=290,
    )


def refused(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one sentence of a mistake: nothing on stdout, no traceback, the code that was promised."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def run_in(folder: Path, site: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return changedet("run", site, "--out", folder / "out", "--cache", folder / "cache", *more)


def test_help_imports_nothing_heavy() -> None:
    """What makes it start in half a second; the clock itself would judge the machine, not the program."""
    heavy = ("numpy", "xarray", "rasterio", "scipy", "matplotlib", "numba", "pydantic", "odc")
    code = f"import sys, changedet.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "run" in changedet("--help").stdout


def test_a_building_that_goes_is_found_where_and_when_it_went(site: Path, tmp_path: Path) -> None:
    done = run_in(tmp_path, site, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["counts"]["scenes"] == 16
    assert said["counts"]["failures"] == 0
    folder = Path(said["run"])
    assert {Path(file).name for file in said["files"]} >= {
        "change.tif", "detections.geojson", "composite.png", "before.png", "after.png", "run.json", "report.html",
    }  # fmt: skip
    assert all(Path(file).is_file() for file in said["files"])
    features = json.loads((folder / "detections.geojson").read_text())["features"]
    properties = features[0]["properties"]
    assert properties["number"] == 1
    # 10 × 12 pixels of 10 m, and a rim that the blur of resampling adds
    assert 9_000 <= properties["area_m2"] <= 25_000
    assert properties["onset_after"].startswith("2024-06-18")
    assert properties["onset_before"].startswith("2024-08-03")
    assert len(features) <= 2


def test_the_same_inputs_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    folders = []
    for name in ("a", "b"):
        done = changedet("run", site, "--out", tmp_path / name, "--cache", tmp_path / f"cache-{name}", "--json")
        folders.append(Path(json.loads(done.stdout)["run"]))
    for name in ("change.tif", "detections.geojson", "composite.png"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_search_says_what_a_run_would_use_and_reads_no_pixel(site: Path, archive: Path) -> None:
    for path in archive.rglob("*.tif"):
        path.unlink()
    done = changedet("search", site, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["scenes"]) == 16
    assert [row["side"] for row in found["scenes"]].count("before") == 12
    assert found["bytes"] > 0
    assert "12 scenes before and 4 after" in changedet("search", site).stdout


def test_one_truncated_file_of_many_is_named_and_the_run_goes_on(site: Path, archive: Path, tmp_path: Path) -> None:
    path = archive / "sentinel-2-2024-02-03-x" / "nir.tif"
    path.write_bytes(path.read_bytes()[:700])
    done = run_in(tmp_path, site)
    assert done.returncode == 0, done.stderr
    assert "sentinel-2-2024-02-03-x, asset nir" in done.stderr
    folder = Path(done.stdout.strip().splitlines()[-1]).parent
    failures = json.loads((folder / "run.json").read_text())["failures"]
    assert [(f["scene"], f["asset"]) for f in failures] == [("sentinel-2-2024-02-03-x", "nir")]
    assert "sentinel-2-2024-02-03-x" in (folder / "report.html").read_text()


def test_when_every_download_fails_the_exit_code_is_3(site: Path, archive: Path, tmp_path: Path) -> None:
    for path in archive.rglob("red.tif"):
        path.unlink()
    sentence = refused(run_in(tmp_path, site), 3)
    assert "none of 16 scenes could be fetched" in sentence
    assert "no such file" in sentence
    assert list((tmp_path / "out").rglob("*.html")) == []


def test_only_clouds(tmp_path: Path) -> None:
    clouded = shots()
    for one in clouded[12:]:
        one.scl = np.full((SIZE, SIZE), 9, np.uint8)
    write_archive(tmp_path / "archive", clouded)
    site = site_yaml(tmp_path, "archive/catalog.json", before=BEFORE, after=AFTER)
    sentence = refused(run_in(tmp_path, site), 2)
    assert "none in `after`" in sentence
    assert "sees through clouds" in sentence


def edited(site: Path, old: str, new: str) -> Path:
    text = site.read_text()
    assert old in text
    site.write_text(text.replace(old, new))
    return site


def swap_coordinates(site: Path) -> Path:
    import re

    text = site.read_text()
    site.write_text(re.sub(r"center: \[(\S+), (\S+)\]", r"center: [\2, \1]", text))
    return site


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda s: edited(s, "radius:", "raduis:"), ["site.yaml:5", "raduis", "did you mean", "radius"]),
        (lambda s: edited(s, "radius: 300", "radius: 500000"), ["site.yaml:5", "500 km", "60 km"]),
        (lambda s: edited(s, "radius: 300", "radius: 0"), ["site.yaml:5", "radius", "0"]),
        (lambda s: edited(s, AFTER, "[2023-01-01, 2023-02-01]"), ["site.yaml", "after", "before"]),
        (lambda s: edited(s, "kind: stac", "kind: stack"), ["site.yaml", "stack", "stac", "did you mean"]),
        (lambda s: edited(s, "archive/catalog.json", "nowhere/catalog.json"), ["nowhere/catalog.json", "no such file"]),
        (lambda s: edited(s, BEFORE, "[2014-01-01, 2014-06-30]"), ["no scene", "before", "widen the dates"]),
        (swap_coordinates, ["longitude comes first"]),
    ],
)
def test_each_mistake_costs_one_clear_sentence(site: Path, tmp_path: Path, mistake, words: list[str]) -> None:  # type: ignore[no-untyped-def]
    sentence = refused(run_in(tmp_path, mistake(site)), 2)
    for word in words:
        assert word in sentence
    assert not (tmp_path / "out" / "tiny").exists() or not list((tmp_path / "out" / "tiny").iterdir())


@pytest.mark.parametrize(
    ("center", "word"),
    [("[39.0, 89.9]", "polar"), ("[39.0, -85.0]", "polar"), ("[39.0, 190.0]", "outside the world"),
     ("[10.0, 120.0]", "swapped"), ("[.nan, 3]", "finite")],
)  # fmt: skip
def test_places_that_are_none(site: Path, tmp_path: Path, center: str, word: str) -> None:
    import re

    site.write_text(re.sub(r"center: \[.*\]", f"center: {center}", site.read_text()))
    sentence = refused(run_in(tmp_path, site), 2)
    assert word in sentence
    assert "site.yaml:4" in sentence


def test_a_catalogue_that_is_not_stac(site: Path, archive: Path, tmp_path: Path) -> None:
    (archive / "catalog.json").write_text('{"type": "FeatureCollection", "features": []}')
    assert "not STAC" in refused(run_in(tmp_path, site), 2)


def test_an_output_folder_that_cannot_be_written(site: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    done = changedet("run", site, "--out", tmp_path / "taken", "--cache", tmp_path / "cache")
    assert "cannot be written" in refused(done, 2)


def test_a_missing_site_file(tmp_path: Path) -> None:
    assert "no-such.yaml" in refused(run_in(tmp_path, tmp_path / "no-such.yaml"), 2)


def test_schema_is_a_json_schema() -> None:
    import jsonschema

    done = changedet("schema")
    assert done.returncode == 0, done.stderr
    jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


@pytest.fixture(autouse=True)
def _no_home_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("CHANGEDET_CACHE", str(tmp_path / "home-cache"))
    yield
    assert not (tmp_path / "home-cache").exists()
