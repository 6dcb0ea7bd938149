from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from changedet.errors import ContractError, InputError
from changedet.report import manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arrays").mkdir()
    (tmp_path / "a.txt").write_bytes(b"abc")
    (tmp_path / "arrays" / "b c.bin").write_bytes(b"")
    return tmp_path


def test_the_manifest_lists_the_known_digests(folder: Path) -> None:
    """SHA-256 of "abc" and of nothing, as FIPS 180-4's examples give them."""
    manifest.seal(folder)
    assert manifest.read(folder) == {
        "a.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "arrays/b c.bin": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }


def test_sha256sum_accepts_it(folder: Path) -> None:
    manifest.seal(folder)
    done = subprocess.run(["sha256sum", "-c", "--strict", manifest.NAME], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a.txt: OK\narrays/b c.bin: OK\n", "")


def test_sealing_again_gives_the_same_bytes_and_leaves_itself_out(folder: Path) -> None:
    first = manifest.seal(folder).read_bytes()
    assert manifest.seal(folder).read_bytes() == first
    assert manifest.digest(folder) == hashlib.sha256(first).hexdigest()


def test_links_and_names_that_no_line_can_hold_are_refused(folder: Path) -> None:
    (folder / "two\nlines").write_bytes(b"")
    with pytest.raises(ContractError, match="no manifest can hold"):
        manifest.seal(folder)
    (folder / "two\nlines").unlink()
    (folder / "link").symlink_to(folder / "a.txt")
    with pytest.raises(ContractError, match="link"):
        manifest.seal(folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("ba78", "ba79"),
        lambda text: text.replace("ba78", "BA78"),
        lambda text: text.replace("a.txt", "b.txt"),
        lambda text: text[: text.index("\n") + 1],
        lambda text: text + "\n",
        lambda text: text.replace("# sha256", "! sha256"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "",
    ],
)
def test_a_manifest_that_was_touched_is_refused(damage: object, folder: Path) -> None:
    path = manifest.seal(folder)
    assert callable(damage)
    path.write_bytes(damage(path.read_text()).encode())
    with pytest.raises(InputError, match="SHA256SUMS"):
        manifest.read(folder)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="SHA256SUMS: is missing"):
        manifest.read(tmp_path)
