from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.errors import OutputError
from changedet.store import Store, request_hash, run_folder, sha256_of, write_text, writing

REQUEST = {"href": "https://example.org/a.tif", "band": 1}


def keep(store: Store, content: bytes, request: dict[str, object] = REQUEST) -> Path:
    return store.put(request, lambda path: path.write_bytes(content) and None, scene="s", asset="red").path


def test_what_was_put_is_got_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(REQUEST) is None
    path = keep(store, b"pixels")
    entry = Store(tmp_path).get(REQUEST)
    assert entry is not None
    assert entry.path == path
    assert path.read_bytes() == b"pixels"
    assert path.stem == entry.sha256 == sha256_of(path)
    assert (entry.scene, entry.asset, entry.size) == ("s", "red", 6)


def test_originals_are_read_only(tmp_path: Path) -> None:
    assert keep(Store(tmp_path), b"pixels").stat().st_mode & 0o222 == 0


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert keep(store, b"same", {"n": 1}) == keep(store, b"same", {"n": 2})


@given(content=st.binary(min_size=1, max_size=200), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_is_found_and_quarantined(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = Store(folder)
    path = keep(store, content)
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    path.chmod(0o644)
    path.write_bytes(damaged)
    assert store.get(REQUEST) is None
    assert not path.exists()
    assert [p.read_bytes() for p in (folder / "quarantine").iterdir()] == [bytes(damaged)]
    keep(store, content)
    assert store.get(REQUEST) is not None


def test_a_cut_object_is_found_by_verify(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = keep(store, b"pixels")
    keep(store, b"others", {"n": 2})
    path.chmod(0o644)
    path.write_bytes(b"pix")
    assert [entry.path for entry in store.verify()] == [path]
    assert store.verify() == (store.verify() or ())
    assert len(list(store.entries())) == 2


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        store.put(REQUEST, write, scene="s", asset="red")
    assert store.get(REQUEST) is None
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_full_disk_is_one_clear_sentence(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match="disk is full; free some space and run again"):
        Store(tmp_path).put(REQUEST, write, scene="s", asset="red")


def test_a_cache_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        Store(tmp_path / "file" / "cache")


def test_prune_keeps_what_was_used_last_and_removes_strays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old, new = keep(store, b"o" * 100, {"n": 1}), keep(store, b"n" * 100, {"n": 2})
    os.utime(old, (1, 1))
    stray = tmp_path / "objects" / ".abc.part"
    stray.write_bytes(b"x" * 7)
    os.utime(stray, (1, 1))
    being_written = tmp_path / "objects" / ".def.part"
    being_written.write_bytes(b"y" * 9)
    assert store.prune(150) == 107
    assert not old.exists()
    assert not stray.exists()
    assert being_written.exists()
    assert new.exists()
    assert store.get({"n": 1}) is None
    assert store.get({"n": 2}) is not None


def test_a_request_record_that_is_damaged_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, b"pixels")
    record = next((tmp_path / "requests").glob("*/*.json"))
    for text in ("", "{", "[]", json.dumps({"sha256": 1})):
        record.write_text(text)
        assert store.get(REQUEST) is None


def test_the_name_of_a_request_does_not_depend_on_key_order() -> None:
    assert request_hash({"a": 1, "b": [2]}) == request_hash({"b": [2], "a": 1})
    assert request_hash({"a": 1}) != request_hash({"a": 2})


def test_the_lock_admits_one_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with Store(tmp_path).lock(REQUEST):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert store.get(REQUEST) is None


KILLED = """
import os, sys
from pathlib import Path
from changedet.store import write_text
import changedet.store as store
real = os.fsync
def killed(fd):
    real(fd)
    os.kill(os.getpid(), 9)
if sys.argv[2] == "before":
    os.fsync = killed
write_text(Path(sys.argv[1]), "new")
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(("when", "content"), [("before", "old"), ("after", "new")])
def test_a_killed_write_leaves_the_old_file_or_the_new(tmp_path: Path, when: str, content: str) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], check=False)
    assert done.returncode == -9
    assert target.read_text() == content


def test_a_run_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with run_folder(tmp_path, "site", "run") as aside:
        write_text(aside / "a.txt", "a")
        assert not (tmp_path / "site" / "run").exists()
    assert (tmp_path / "site" / "run" / "a.txt").read_text() == "a"
    with pytest.raises(RuntimeError), run_folder(tmp_path, "site", "other") as aside:
        write_text(aside / "a.txt", "a")
        raise RuntimeError
    assert [p.name for p in (tmp_path / "site").iterdir()] == ["run"]


def test_writing_cleans_up_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), writing(tmp_path / "x") as aside:
        aside.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
