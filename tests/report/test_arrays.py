from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from changedet.errors import InputError
from changedet.evidence import Evidence
from changedet.report import arrays, kmz, runfile, vectors
from changedet.report.public import public
from tests.report.builders import RADAR_KEY, make_evidence
from tests.report.runs import copied, small_evidence


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    evidence = small_evidence(hostile=True)
    arrays.save(evidence, folder)
    runfile.write(evidence, folder)
    return folder


def same_detections(one: Evidence, other: Evidence) -> bool:
    """GeoJSON has lists where Python had tuples; the outline is the same."""
    bare = [[replace(d, polygon={}) for d in e.detections] for e in (one, other)]
    outlines = [[shape(dict(d.polygon)) for d in e.detections] for e in (one, other)]
    return bare[0] == bare[1] and bool(shapely.equals_exact(outlines[0], outlines[1], 0).all())


def test_everything_comes_back_as_it_was(stored: Path) -> None:
    wanted, found = public(small_evidence(hostile=True)), arrays.load(stored)
    for kind in ("stacks", "maps"):
        one, other = getattr(wanted, kind), getattr(found, kind)
        assert list(one) == list(other)
        assert all(one[key].identical(other[key]) for key in one)
    assert wanted.change.identical(found.change)
    assert same_detections(wanted, found)
    rest = {f.name for f in fields(Evidence)} - {"stacks", "maps", "change", "detections", "site"}
    assert {name: getattr(found, name) for name in rest} == {name: getattr(wanted, name) for name in rest}
    assert found.site.model_dump(mode="json") == wanted.site.model_dump(mode="json")


def test_artefacts_made_again_are_the_same_bytes(stored: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    for folder, evidence in ((first, small_evidence(hostile=True)), (again, arrays.load(stored))):
        folder.mkdir()
        for write in (vectors.write, kmz.write, runfile.write, arrays.save):
            write(evidence, folder)
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_numpy_alone_opens_the_arrays(stored: Path) -> None:
    with np.load(stored / "arrays" / "stack-1-sentinel-1-orbit-137.npz") as opened:
        np.testing.assert_array_equal(opened["vv"], small_evidence().stacks[RADAR_KEY].vv.values)


def test_times_of_running_stand_in_run_json_alone(stored: Path) -> None:
    assert "timings" not in (stored / "evidence.json").read_text()
    later = replace(small_evidence(hostile=True).provenance, timings={"search": 99.0})
    again = replace(small_evidence(hostile=True), provenance=later)
    before = (stored / "evidence.json").read_bytes()
    arrays.save(again, stored)
    assert (stored / "evidence.json").read_bytes() == before


def test_numbers_that_are_not_finite_come_back(tmp_path: Path) -> None:
    made = small_evidence()
    odd = replace(made.detections[0], score=float("inf"), directions={"sentinel-2": {"red": float("nan")}})
    arrays.save(replace(made, detections=(odd,)), tmp_path)
    runfile.write(made, tmp_path)
    (found,) = arrays.load(tmp_path).detections
    assert found.score == float("inf")
    assert np.isnan(found.directions["sentinel-2"]["red"])


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    made = make_evidence(radar=False)
    (stack,), (change,) = made.stacks.values(), made.maps.values()
    key = "../../Escape/<b>🔥"
    arrays.save(replace(made, stacks={key: stack}, maps={key: change}), tmp_path)
    runfile.write(made, tmp_path)
    assert {p.name for p in (tmp_path / "arrays").iterdir()} == {
        "stack-0-escape-b.npz",
        "map-0-escape-b.npz",
        "change.npz",
    }
    assert list(arrays.load(tmp_path).stacks) == [key]


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def pickled(members: dict[str, bytes]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    members["score.npy"] = buffer.getvalue()


def other_shape(members: dict[str, bytes]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros((2, 2), np.float32))
    members["score.npy"] = buffer.getvalue()


def shortened(members: dict[str, bytes]) -> None:
    members["score.npy"] = members["score.npy"][:-40]


def gone(members: dict[str, bytes]) -> None:
    del members["score.npy"]


def nonsense(members: dict[str, bytes]) -> None:
    members["dataset.json"] = b"[]"


@pytest.mark.parametrize("change", [pickled, other_shape, shortened, gone, nonsense])
def test_arrays_that_are_not_what_they_say_are_refused(
    change: Callable[[dict[str, bytes]], None], stored: Path, tmp_path: Path
) -> None:
    folder = copied(stored, tmp_path / "run")
    rewrite(folder / "arrays" / "change.npz", change)
    with pytest.raises(InputError, match=r"change\.npz: missing or damaged"):
        arrays.load(folder)


def test_a_member_that_unpacks_beyond_measure_is_refused(stored: Path, tmp_path: Path) -> None:
    folder = copied(stored, tmp_path / "run")
    path = folder / "arrays" / "change.npz"
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("score.npy")
    size = info.file_size.to_bytes(4, "little")
    assert content.count(size) >= 2  # in the local header and in the directory
    path.write_bytes(content.replace(size, (0xFFFFFF00).to_bytes(4, "little")))
    with pytest.raises(InputError, match=r"change\.npz: missing or damaged"):
        arrays.load(folder)


@pytest.mark.parametrize("name", ["evidence.json", "run.json", "arrays/change.npz", "arrays/map-0-sentinel-2.npz"])
def test_a_missing_or_damaged_file_is_named(name: str, stored: Path, tmp_path: Path) -> None:
    folder = copied(stored, tmp_path / "run")
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(InputError, match=name.rsplit("/", maxsplit=1)[-1]):
        arrays.load(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.rsplit("/", maxsplit=1)[-1]):
        arrays.load(folder)


@pytest.mark.parametrize("name", ["../run.json", "/etc/passwd", "a/b.npz", "X.npz", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, stored: Path, tmp_path: Path) -> None:
    folder = copied(stored, tmp_path / "run")
    record = json.loads((folder / "evidence.json").read_bytes())
    record["change"] = name
    (folder / "evidence.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="is not the name of a file in arrays"):
        arrays.load(folder)
