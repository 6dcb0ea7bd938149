"""A folder here that follows one elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from changedet.errors import InputError, ServiceError
from changedet.mirror import Mirror
from changedet.store import Store
from tests.watch.elsewhere import bucket


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror((tmp_path / "there").as_uri(), tmp_path / "here")


def every(name: str) -> bool:
    return True


def test_what_is_pushed_is_found_there_under_its_name(mirror: Mirror, tmp_path: Path) -> None:
    path = mirror.folder / "a" / "b.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"1")
    mirror.push(path)
    assert (tmp_path / "there" / "a" / "b.json").read_bytes() == b"1"
    assert mirror.names() == ["a/b.json"]
    assert mirror.read("a/b.json") == b"1"
    assert mirror.read("a/c.json") is None


def test_following_fetches_what_is_missing_and_removes_what_never_happened(mirror: Mirror) -> None:
    for name in ("looks/1", "looks/2", "other/3"):
        mirror.write(name, name.encode())
    (mirror.folder / "looks").mkdir(parents=True)
    (mirror.folder / "looks" / "9").write_bytes(b"of a watch that was killed")
    (mirror.folder / "looks" / "kept").write_bytes(b"of no interest")
    mirror.follow("", lambda name: name.startswith("looks/") and name != "looks/kept")
    here = sorted(path.relative_to(mirror.folder).as_posix() for path in mirror.folder.rglob("*") if path.is_file())
    assert here == ["looks/1", "looks/2", "looks/kept"]


def test_only_the_first_creates(mirror: Mirror) -> None:
    assert mirror.create("lock", b"mine")
    assert not mirror.create("lock", b"yours")
    assert mirror.read("lock") == b"mine"
    mirror.remove(["lock", "lock"])
    assert mirror.read("lock") is None


def test_an_address_with_a_password_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="put them into the environment") as told:
        Mirror("s3://me:hunter2@bucket/archive", tmp_path)
    assert "hunter2" not in str(told.value)


def test_an_address_that_nothing_understands_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere://archive: cannot be opened"):
        Mirror("nowhere://archive", tmp_path)


def test_a_store_that_is_gone_is_a_service_that_failed(tmp_path: Path) -> None:
    with bucket() as made:
        mirror = Mirror(f"{made.address}/archive", tmp_path)
    with pytest.raises(ServiceError, match=r"s3://watched-\w+/archive/name: cannot be reached"):
        mirror.write("name", b"")


def test_what_one_machine_shares_another_need_not_make(mirror: Mirror, tmp_path: Path) -> None:
    first, other = Store(mirror.folder, mirror), Store(tmp_path / "other", Mirror(mirror.address, tmp_path / "other"))
    made, same = first.folder / "layers" / "date.npy", other.folder / "layers" / "date.npy"
    made.parent.mkdir()
    made.write_bytes(b"pixels")
    first.share(made)
    other.fetch(same, other.folder / "layers" / "none.npy")
    assert same.read_bytes() == b"pixels"
    assert not (other.folder / "layers" / "none.npy").exists()
    same.write_bytes(b"newer")
    other.fetch(same)
    assert same.read_bytes() == b"newer"
