"""Of several watches of an archive in an object store one works; one that was killed keeps it for a while only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from changedet.errors import BusyError
from changedet.mirror import Mirror
from changedet.watch import lease
from changedet.watch.lease import FOLDER, LEASE, leased
from tests.watch.elsewhere import bucket

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["file", "s3"])
def mirror(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mirror]:
    if request.param == "file":
        yield Mirror((tmp_path / "there").as_uri(), tmp_path / "here")
        return
    with bucket() as made:
        yield Mirror(f"{made.address}/archive", tmp_path / "here")


def never() -> None:
    raise AssertionError("the archive was lost")


def at(moment: datetime) -> lease.Clock:
    return lambda: moment


def test_one_at_a_time(mirror: Mirror) -> None:
    with leased(mirror, never, at(NOON)):
        with pytest.raises(BusyError, match=r"another watch works on this archive.*12:10:00 UTC"):
            with leased(mirror, never, at(NOON + LEASE / 2)):
                raise AssertionError("two at once")
    with leased(mirror, never, at(NOON)):
        pass


def test_of_two_that_begin_at_once_one_may(mirror: Mirror) -> None:
    asked = mirror.names

    def names(below: str = "") -> list[str]:
        found = asked(below)
        # the other comes in between
        assert mirror.create(f"{FOLDER}/00000001.json", b"{}")
        return found

    with patch.object(mirror, "names", names), pytest.raises(BusyError, match="has just begun"):
        with leased(mirror, never, at(NOON)):
            raise AssertionError("two at once")


def test_a_watch_that_was_killed_keeps_others_off_for_the_rest_of_its_time(mirror: Mirror) -> None:
    killed = leased(mirror, never, at(NOON))
    killed.__enter__()
    late = NOON + LEASE + timedelta(seconds=1)
    with leased(mirror, never, at(late)):
        with pytest.raises(BusyError):
            with leased(mirror, never, at(late)):
                raise AssertionError("two at once")


def test_a_watch_that_slept_too_long_learns_that_it_was_taken_over(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = threading.Event()
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.3))
    slept = leased(mirror, lost.set, at(NOON))
    slept.__enter__()
    with leased(mirror, never, at(NOON + timedelta(hours=1))):
        assert lost.wait(10)
