"""A watch killed by −9 at a chosen instant: before or after any file comes into being, or after an alert was sent."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from changedet.watch.alerts import Alert
from changedet.watch.watcher import Plan, watch
from changedet.watch.webhook import WebhookChannel


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

        Path.replace = replaced  # type: ignore[method-assign, assignment]
        WebhookChannel.send = sent  # type: ignore[method-assign]


def watched(plan: Plan, at: int | None, prepare: Callable[[], None] | None = None) -> int | None:
    """One watch in a child of this process: its exit code, or None where it was killed at instant ``at``."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            if prepare is not None:
                prepare()
            Fuse(at).lay()
            code = watch(plan)
        except BaseException as error:  # noqa: BLE001  a child must say what went wrong and never return
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(code)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return None
    code = os.WEXITSTATUS(status)
    if code == 99:
        raise RuntimeError("the watch failed")
    return code
