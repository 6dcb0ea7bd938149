"""kill −9 between any two steps: the archive ends the same, no alert is lost, none is told twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_a_watch_killed_again_and_again_ends_as_if_it_never_was(tmp_path: Path) -> None:
    # a process of its own: the watches are its children, and a fork wants a process without other threads' locks
    done = subprocess.run(
        [sys.executable, "-m", "tests.watch.test_kills", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills" in done.stdout


def main(folder: Path) -> None:
    """Kill one watch after another at its first, second … seventh instant, until one comes to its end."""
    import os
    import shutil

    from tests.watch.killing import watched
    from tests.watch.receivers import webhook_receiver
    from tests.watch.world import Content, alerts_yaml, brief_reports, make, plan

    def marks() -> set[str]:
        return {mark.stem for mark in folder.glob("archive/alerts/*/*.json")}

    os.environ["HOOK_SECRET"] = "secret"
    with brief_reports(), webhook_receiver() as received:
        configs = make(folder)
        alerts_yaml(configs, received.url)
        assert watched(plan(configs), None) == 0
        whole, told = Content.of(folder / "archive"), list(received.keys)
        assert len(told) == 2
        shutil.rmtree(folder / "archive")
        received.headers.clear()
        kills, ended = 0, None
        while ended is None:
            marked, before = marks(), len(received.keys)
            ended = watched(plan(configs), kills % 7 + 1)
            sent = received.keys[before:]
            # an alert comes again, with its key, only where a kill fell between its sending and its mark
            assert not marked.intersection(sent)
            assert len(sent) == len(set(sent))
            kills += ended is None
        differences = Content.of(folder / "archive").differences(whole)
        assert differences == [], differences
        assert list(dict.fromkeys(received.keys)) == told
        assert ended == 0
        assert marks() == set(told)
    assert kills > 10
    print(f"{kills} kills, {len(received.keys)} messages of {len(told)} alerts")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
