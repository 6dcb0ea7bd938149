"""One watch at a time on an archive in an object store, where no lock goes when its process ends.

The right to the archive is a row of objects, ``.watch.lock/00000001.json`` and on, each made by a request that fails
where there is one already. The newest names who watches and until when. Its holder puts the time off every third of
``LEASE``. Where the time has run out, or the holder has let go, the next object may be made: by one of all that try.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from changedet.errors import BusyError, ServiceError
from changedet.mirror import Mirror

FOLDER = ".watch.lock"
LEASE = timedelta(minutes=10)
"""A watch that was killed keeps others off for so long."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


@contextmanager
def leased(mirror: Mirror, lost: Callable[[], None], clock: Clock = utc_now) -> Iterator[None]:
    """Keep every other watch off the archive that ``mirror`` follows.

    Parameters
    ----------
    lost : called once where the archive was taken over, or could not be reached until the time had run out

    Raises
    ------
    BusyError, ServiceError
    """
    holder, ended = secrets.token_hex(8), threading.Event()
    number = _taken(mirror, holder, clock)
    name = _name(number)

    def keep() -> None:
        until = clock() + LEASE
        while not ended.wait(LEASE.total_seconds() / 3):
            try:
                if _newest(mirror) > number:
                    break
                mirror.write(name, _content(holder, clock() + LEASE))
                until = clock() + LEASE
            except ServiceError:
                if clock() >= until:
                    break
        if not ended.is_set():
            lost()

    keeper = threading.Thread(target=keep, name="changedet-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        mirror.write(name, _content(holder, None))


def _taken(mirror: Mirror, holder: str, clock: Clock) -> int:
    """The number of the object that was made."""
    newest = _newest(mirror)
    if newest:
        content = mirror.read(_name(newest))
        until = None if content is None else _until(content)
        if until is not None and until > clock():
            raise BusyError(
                f"{mirror.address}: another watch works on this archive; end it, or, if it was killed, wait until "
                f"{until:%H:%M:%S} UTC, or give another place with --out"
            )
    if not mirror.create(_name(newest + 1), _content(holder, clock() + LEASE)):
        raise BusyError(f"{mirror.address}: another watch has just begun on this archive")
    mirror.remove(_name(old) for old in range(max(1, newest - 3), newest))
    return newest + 1


def _newest(mirror: Mirror) -> int:
    return max((int(name.rpartition("/")[2][:-5]) for name in mirror.names(FOLDER)), default=0)


def _name(number: int) -> str:
    return f"{FOLDER}/{number:08d}.json"


def _content(holder: str, until: datetime | None) -> bytes:
    return json.dumps({"holder": holder, "until": None if until is None else until.isoformat()}).encode()


def _until(content: bytes) -> datetime | None:
    until = json.loads(content)["until"]
    return None if until is None else datetime.fromisoformat(until)
