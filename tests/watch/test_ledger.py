"""Looks on disk: written once, read back the same, and what follows from them made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from changedet.errors import InputError
from changedet.watch.ledger import look_files, read_looks, read_summary, summarise, write_look, write_summary
from changedet.watch.places import fold
from tests.watch.builders import look, sighting


def looks() -> list:
    return [look(1, sighting(scenes=("s1",))), look(2, sighting(scenes=("s1", "s2")), views={"x": 0.5})]


def written(folder: Path) -> Path:
    for one in looks():
        write_look(folder, one)
    return folder


def test_looks_are_read_back_as_they_were(tmp_path: Path) -> None:
    assert list(read_looks(written(tmp_path))) == looks()


def test_a_summary_that_is_lost_or_old_is_made_again(tmp_path: Path) -> None:
    summary = summarise(fold(looks()))
    assert read_summary(written(tmp_path)) == summary
    write_summary(tmp_path, summarise(fold(looks()[:1])))
    assert read_summary(tmp_path) == summary
    (tmp_path / "watch.json").write_text("{broken")
    assert read_summary(tmp_path) == summary


def test_before_the_first_look_there_is_no_summary(tmp_path: Path) -> None:
    assert read_summary(tmp_path) is None


def test_a_gap_and_a_damaged_look_are_named(tmp_path: Path) -> None:
    first, _ = look_files(written(tmp_path))
    content = first.read_bytes()
    first.write_bytes(content[:-40])
    with pytest.raises(InputError, match=f"{first.name}.*cannot be read as a look"):
        read_looks(tmp_path)
    first.unlink()
    with pytest.raises(InputError, match="look 1 is missing"):
        read_looks(tmp_path)


def test_a_summary_says_what_stands_and_since_when() -> None:
    summary = summarise(fold(looks()))
    assert [place.state for place in summary.standing] == ["confirmed"]
    assert summary.last_change is not None
    assert summary.last_change.look == 1
    assert summary.last is not None
    assert summary.last.time == looks()[1].time
    assert summary.scenes == ("s1", "s2")
