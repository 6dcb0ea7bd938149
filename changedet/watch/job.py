"""One site of a pass, wherever it is worked on; whatever goes wrong stays with it."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from changedet.errors import ChangedetError
from changedet.pipeline import load_site
from changedet.site import Site
from changedet.store import Store
from changedet.watch.archive import Archive
from changedet.watch.journal import Journal
from changedet.watch.records import Rules
from changedet.watch.status import Checked
from changedet.watch.step import Task, step

BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What a mistake of ours in one site may raise; it must not stop the others. Told in full in the journal."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a machine must be told to look at one site."""

    folder: str
    """Of the site file, from which its paths are read."""
    text: bytes
    """The site file."""
    rules: Rules
    now: datetime
    """Nothing later is looked at, UTC."""
    checked: Checked
    """The site before the pass comes by."""

    def site(self) -> Site:
        """The site, also where its file does not exist on this machine.

        Raises
        ------
        FileError
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / self.checked.file
            file.write_bytes(self.text)
            return load_site(file)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a look at a site needs of the machine."""

    archive: Archive
    store: Store
    journal: Journal
    stop: Callable[[], bool]


def look_at(job: Job, site: Site, tools: Tools) -> Checked:
    """All that is new for one site."""

    def work() -> Checked:
        task = Task(site, Path(job.folder), job.rules, tools.archive, tools.store, job.now)
        done = step(task, tools.journal, tools.stop)
        return job.checked.model_copy(update={"looks": done.looks, "changes": done.changes, "waiting": done.waiting})

    return attempted(job.checked, tools.journal, work)


def attempted(checked: Checked, journal: Journal, work: Callable[[], Checked]) -> Checked:
    """What came of the work on a site, or what went wrong."""
    try:
        return work()
    except ChangedetError as error:
        code, problem = error.exit_code, str(error)
    except OSError as error:
        code, problem = 1, f"{type(error).__name__}: {error}"
    except BUGS as error:
        code, problem = 1, f"a mistake in changedet, {type(error).__name__}: {error}"
        journal("bug", {"site": checked.site or checked.file, "traceback": traceback.format_exc()})
    return failed(checked, journal, code, problem)


def failed(checked: Checked, journal: Journal, code: int, problem: str) -> Checked:
    """The site as one that could not be looked at."""
    journal("site-failed", {"site": checked.site or checked.file, "problem": problem, "code": code})
    return checked.model_copy(update={"code": code, "problem": problem})
