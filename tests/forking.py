"""Work in a child of this process, which may be killed by -9: a kill costs milliseconds, not an interpreter."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

RAISED = 99


def forked(work: Callable[[], int | None], after: float | None = None) -> int | None:
    """What ``work`` returns, 0 for nothing; None where the child was killed, by itself or ``after`` so many seconds.

    Raises
    ------
    RuntimeError
        When ``work`` raised.
    """
    pid = os.fork()
    if pid == 0:
        code = RAISED
        try:
            code = work() or 0
        except BaseException as error:  # noqa: BLE001  a child must say what went wrong and never return
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return None
    code = os.WEXITSTATUS(status)
    if code == RAISED:
        raise RuntimeError("the work of a child failed")
    return code
