from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from changedet.errors import InputError
from changedet.report import manifest
from changedet.report.check import check
from tests.report.runs import copied, small_evidence, write_run

FLIPS = 100
"""Random places in each file."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("check"), small_evidence())


def test_an_untouched_run_has_no_findings(run: Path) -> None:
    assert check(run) == ()


def test_each_single_flipped_bit_of_each_file_is_found(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path / "run")
    rng = np.random.default_rng(20250701)
    for name in (*manifest.files(folder), manifest.NAME):
        path = folder / name
        content = bytearray(path.read_bytes())
        for place in rng.integers(0, 8 * len(content), FLIPS):
            byte, bit = divmod(int(place), 8)
            content[byte] ^= 1 << bit
            path.write_bytes(content)
            found = check(folder)
            assert [(f.file, f.trouble) for f in found] == [(name, "altered")], (name, place)
            content[byte] ^= 1 << bit
        path.write_bytes(content)
    assert check(folder) == ()


def test_missing_added_and_moved_files_are_named(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path / "run")
    (folder / "detections.kmz").unlink()
    (folder / "arrays" / "extra.npz").write_bytes(b"")
    (folder / "verdicts.json").rename(folder / "verdicts2.json")
    assert [(f.file, f.trouble) for f in check(folder)] == [
        ("arrays/extra.npz", "added"),
        ("detections.kmz", "missing"),
        ("verdicts.json", "missing"),
        ("verdicts2.json", "added"),
    ]


def test_a_file_that_became_a_link_to_the_same_bytes_is_named(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path / "run")
    (folder / "run.json").rename(tmp_path / "elsewhere.json")
    (folder / "run.json").symlink_to(tmp_path / "elsewhere.json")
    assert [(f.file, f.trouble) for f in check(folder)] == [("run.json", "altered")]


def test_a_link_to_a_folder_is_an_added_file(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path / "run")
    (folder / "more").symlink_to(tmp_path)
    assert [(f.file, f.trouble) for f in check(folder)] == [("more", "added")]


def test_without_its_manifest_nothing_can_be_said(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path / "run")
    (folder / manifest.NAME).unlink()
    assert [(f.file, f.trouble) for f in check(folder)] == [(manifest.NAME, "missing")]


def test_what_is_no_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        check(tmp_path / "nothing")


def test_originals_in_the_cache_are_hashed_again(tmp_path: Path) -> None:
    evidence = small_evidence()
    scene = evidence.scenes[0]
    original = tmp_path / "red.tif"
    original.write_bytes(b"pixels")
    digest = hashlib.sha256(b"pixels").hexdigest()
    folder = write_run(tmp_path / "out", replace(evidence, checksums={f"{scene.id}/red": digest}))
    assert check(folder, {digest: original}) == ()
    original.write_bytes(b"Pixels")
    (finding,) = check(folder, {digest: original})
    assert (finding.file, finding.trouble) == (f"input {scene.id}/red", "altered")
    assert digest in str(finding)
    original.unlink()
    assert check(folder, {digest: original}) == ()
