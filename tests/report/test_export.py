from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from changedet.errors import InputError, OutputError
from changedet.evidence import Evidence
from changedet.report.check import check
from changedet.report.export import export
from tests.report.builders import HOSTILE_NAMES
from tests.report.runs import copied, small_evidence, write_run


def with_originals(evidence: Evidence, folder: Path) -> tuple[Evidence, dict[str, Path]]:
    """Two originals in a cache, and a third that is no longer there."""
    folder.mkdir()
    cached, checksums = {}, {}
    for scene, asset in ((evidence.scenes[0], "red"), (evidence.scenes[0], "nir"), (evidence.scenes[1], "red")):
        content = f"{scene.id} {asset}".encode()
        digest = hashlib.sha256(content).hexdigest()
        checksums[f"{scene.id}/{asset}"] = digest
        cached[digest] = folder / f"{digest}.tif"
        cached[digest].write_bytes(content)
    cached[digest].unlink()
    return replace(evidence, checksums=checksums), cached


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    place = tmp_path_factory.mktemp("export")
    evidence, cached = with_originals(small_evidence(hostile=True), place / "cache")
    return write_run(place / "out", evidence), cached


@pytest.fixture
def pack(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> Path:
    """The pack, unpacked by one who received it."""
    export(made[0], tmp_path / "evidence.zip", made[1])
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        archive.extractall(tmp_path / "received")
    (root,) = (tmp_path / "received").iterdir()
    return root


def run_in(folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def verify(folder: Path) -> tuple[int, str]:
    """With an interpreter that sees no installed package."""
    return run_in(folder, sys.executable, "-I", "-S", "verify.py")


def test_it_verifies_with_sha256sum_and_with_pythons_standard_library(pack: Path) -> None:
    assert run_in(pack, "sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS") == (0, "")
    code, said = verify(pack)
    assert code == 0
    assert hashlib.sha256((pack / "SHA256SUMS").read_bytes()).hexdigest() in said


def test_both_find_a_change(pack: Path) -> None:
    path = pack / "working" / "run.json"
    path.write_bytes(path.read_bytes().replace(b"SIMULATED", b"simulated", 1))
    (pack / "note.txt").write_text("mine")
    (pack / "working" / "verdicts.json").unlink()
    assert run_in(pack, "sha256sum", "-c", "--quiet", "SHA256SUMS")[0] == 1
    code, said = verify(pack)
    assert code == 1
    assert {"ALTERED working/run.json", "ADDED   note.txt", "MISSING working/verdicts.json"} <= set(said.split("\n"))


def test_originals_and_working_copies_lie_apart_untouched(pack: Path, made: tuple[Path, dict[str, Path]]) -> None:
    run = made[0]
    assert sorted(p.name for p in pack.iterdir()) == sorted(
        ["MANIFEST.json", "README.txt", "SHA256SUMS", "originals", "verify.py", "working"]
    )
    for path in run.rglob("*"):
        if path.is_file():
            assert (pack / "working" / path.relative_to(run)).read_bytes() == path.read_bytes()
    assert check(pack / "working") == ()
    originals = sorted(p for p in (pack / "originals").rglob("*") if p.is_file())
    first = small_evidence(hostile=True).scenes[0].id
    assert [p.read_text() for p in originals] == [f"{first} nir", f"{first} red"]


def test_the_manifest_says_what_is_what_when_and_with_which_versions(pack: Path) -> None:
    manifest: dict[str, Any] = json.loads((pack / "MANIFEST.json").read_bytes())
    assert manifest["started"] == "2025-07-01T09:30:00Z"
    assert manifest["versions"]["changedet"] == "0.1.0"
    first, second = small_evidence(hostile=True).scenes[:2]
    assert [o["of"] for o in manifest["originals"]] == [f"{first.id}/nir", f"{first.id}/red"]
    assert list(manifest["originals_absent"]) == [f"{second.id}/red"]
    for entry in (*manifest["originals"], *manifest["working"]):
        content = (pack / entry["file"]).read_bytes()
        assert (entry["sha256"], entry["size"]) == (hashlib.sha256(content).hexdigest(), len(content))


def test_the_readme_names_site_run_and_what_is_absent(pack: Path) -> None:
    readme = (pack / "README.txt").read_text()
    assert HOSTILE_NAMES[0] in readme
    assert "\u2068" in readme.split(HOSTILE_NAMES[0])[0]  # isolated, so that its marks turn nothing else
    assert "SIMULATED" in readme
    assert "1 original could not be packed" in readme
    assert max(len(line) for line in readme.split("\n") if "original" in line) < 110


def test_no_name_leads_out_of_the_pack(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    """The first scene of the hostile evidence is called ``../../etc/passwd …``."""
    assert small_evidence(hostile=True).scenes[0].id.startswith("../../etc/passwd")
    export(made[0], tmp_path / "evidence.zip", made[1])
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        names = archive.namelist()
    root = f"evidence-conoco-test-{made[0].name}/"
    assert all(name.startswith(root) and ".." not in name and "\\" not in name for name in names)
    assert len(names) == len(set(names))


def test_the_same_run_and_cache_give_the_same_bytes(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    first = export(made[0], tmp_path / "1.zip", made[1]).read_bytes()
    assert export(made[0], tmp_path / "2.zip", made[1]).read_bytes() == first


def test_a_damaged_original_is_not_packed(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    run, cached = made
    digest, path = next(iter(cached.items()))
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(path.read_bytes() + b"!")
    export(run, tmp_path / "evidence.zip", {**cached, digest: damaged})
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("MANIFEST.json")]
        assert digest in json.loads(archive.read(name))["originals_absent"].values()


def test_an_altered_run_is_not_packed(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    folder = copied(made[0], tmp_path / "site" / "run")
    (folder / "verdicts.json").write_text("{}")
    (folder / "more.txt").write_text("")
    with pytest.raises(InputError, match=r"not as it was made: more\.txt: added.* and 1 more"):
        export(folder, tmp_path / "evidence.zip")
    assert not (tmp_path / "evidence.zip").exists()


def test_the_pack_cannot_go_into_the_run(made: tuple[Path, dict[str, Path]]) -> None:
    with pytest.raises(InputError, match="lies in the run folder"):
        export(made[0], made[0] / "arrays" / "evidence.zip")


def test_a_place_that_cannot_be_written_is_named(made: tuple[Path, dict[str, Path]], tmp_path: Path) -> None:
    (tmp_path / "evidence.zip").mkdir()
    with pytest.raises(OutputError, match=r"evidence\.zip: cannot be written"):
        export(made[0], tmp_path / "evidence.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.zip"]
