"""A watch killed by −9 at a chosen instant: before or after any file comes into being, or after an alert was sent."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from changedet.watch.alerts import Alert
from changedet.watch.watcher import Plan, watch
from changedet.watch.webhook import WebhookChannel
from tests.forking import forked


@dataclass
class Fuse:
    """Kills this process at its ``at``-th instant; never where ``at`` is None."""

    at: int | None
    count: int = 0

    def instant(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Make every file that comes into being, and every alert that is sent, two instants: before and after."""
        replace, send = Path.replace, WebhookChannel.send

        def replaced(path: Path, target: Path) -> Path:
            self.instant()
            result = replace(path, target)
            self.instant()
            return result

        def sent(channel: WebhookChannel, alert: Alert) -> None:
            send(channel, alert)
            self.instant()

        # for the life of this process
        patch.object(Path, "replace", replaced).start()
        patch.object(WebhookChannel, "send", sent).start()


def watched(plan: Plan, at: int | None, prepare: Callable[[], None] | None = None) -> int | None:
    """One watch in a child of this process: its exit code, or None where it was killed at instant ``at``."""

    def work() -> int:
        if prepare is not None:
            prepare()
        Fuse(at).lay()
        return watch(plan)

    return forked(work)
