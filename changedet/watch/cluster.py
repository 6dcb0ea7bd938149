"""The sites of a pass on the workers of a dask.distributed scheduler.

A site is one task: a look takes seconds, so that there is nothing to gain from cutting it up. A task may be run again,
by the same worker or another, at any time: looks that are written already are read, and those that were under way are
made again to the same bytes. The archive is kept by the watch that gave the tasks; workers do not ask for it.
"""

from __future__ import annotations

import importlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from changedet.errors import InputError, ServiceError
from changedet.mirror import EXTRA
from changedet.report.plain import plain
from changedet.watch.archive import open_archive, open_store
from changedet.watch.job import Job, Tools, attempted, failed, look_at
from changedet.watch.journal import Journal
from changedet.watch.status import Checked

POLL = 0.2
"""Seconds between two looks at what has come back."""
RETRIES = 5
"""Workers that a task may lose."""
ASK = 5.0
"""Seconds for which a worker believes that the pass goes on, before it asks again."""


def run_on_cluster(
    scheduler: str, jobs: Sequence[Job], places: tuple[str, str | None], journal: Journal, stop: Callable[[], bool]
) -> list[Checked | None]:
    """Look at the sites of all jobs; what came of each, in order, None where a stop left none begun.

    Parameters
    ----------
    scheduler : ``tcp://host:port``
    places : the archive and the cache, as every worker can reach them
    journal : is told what all workers tell theirs

    Raises
    ------
    InputError
        When the extra is not installed.
    ServiceError
        When there is no such scheduler, or it goes away.
    """
    topic = f"changedet-{secrets.token_hex(8)}"
    with _client(scheduler) as client:
        client.subscribe_topic(topic, lambda said: _told(said, journal))
        ending = _distributed().Event(topic, client=client)
        futures = [
            client.submit(_work, job, places, topic, key=f"{topic}-{number}", retries=RETRIES)
            for number, job in enumerate(jobs)
        ]
        told = False
        while not all(future.done() for future in futures):
            if stop() and not told:
                ending.set()
                _let_go(client, futures)
                told = True
            time.sleep(POLL)
        return [_result(job, future, journal) for job, future in zip(jobs, futures, strict=True)]


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(f"--scheduler needs the extra `cluster`, which is not installed; run {EXTRA}") from error


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        client = _distributed().Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ServiceError(f"scheduler {scheduler}: cannot be reached ({error}); is it running?") from error
    with client:
        yield client


def _let_go(client: Any, futures: Sequence[Any]) -> None:
    """Nothing new is begun; without it a stop would wait for workers that may never come."""
    taken = {key for keys in client.processing().values() for key in keys}
    client.cancel([future for future in futures if future.key not in taken and not future.done()])


def _told(said: tuple[Any, Mapping[str, Any]], journal: Journal) -> None:
    _, event = said
    journal(event["event"], event["facts"])


def _result(job: Job, future: Any, journal: Journal) -> Checked | None:
    if future.cancelled():
        return None
    error = future.exception() if future.status != "finished" else None
    if error is None and future.status == "finished":
        result: Checked = future.result()
        return result
    problem = f"no worker came to an end with it ({type(error).__name__ if error else future.status})"
    return failed(job.checked, journal, ServiceError.exit_code, f"{problem}; it is tried again in the next pass")


def _work(job: Job, places: tuple[str, str | None], topic: str) -> Checked:
    """On a worker: one site."""
    worker, ending = _distributed().get_worker(), _distributed().Event(topic)
    asked, ended = 0.0, False

    def journal(event: str, facts: Mapping[str, object]) -> None:
        worker.log_event(topic, {"event": event, "facts": plain({**facts, "worker": worker.name})})

    def stop() -> bool:
        nonlocal asked, ended
        if time.monotonic() > asked + ASK:
            asked, ended = time.monotonic(), ended or ending.is_set()
        return ended

    def work() -> Checked:
        return look_at(job, job.site(), Tools(open_archive(places[0]), open_store(places[1]), journal, stop))

    return attempted(job.checked, journal, work)
