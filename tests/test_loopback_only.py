"""A run whose service is on loopback asks nothing of any other host: all else is refused, and written down."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.archive import ground, shot, site_yaml, write_archive
from tests.loopback import canary, serving
from tests.sources.sentinelhub_server import SECRET, sentinel_hub
from tests.stac_api import stac_api

GUARD = """\
import os, sys

NETWORK = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
log = os.open(os.environ["GUARD_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(log, b"on\\n")

def guard(event, arguments):
    if event not in NETWORK:
        return
    target = arguments[1] if event.startswith(("socket.connect", "socket.send")) else arguments[0]
    host = target[0] if isinstance(target, tuple) else target
    if host not in LOOPBACK:
        os.write(log, f"{event} {host}\\n".encode())
        raise OSError(f"refused by the guard: {host}")

sys.addaudithook(guard)
"""
"""Becomes sitecustomize.py of the run: nothing that Python sends can get past an audit hook."""


def guarded(site: Path, folder: Path, environment: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], str]:
    """``changedet run`` under the guard, and what the guard wrote down."""
    (folder / "guard").mkdir()
    (folder / "guard" / "sitecustomize.py").write_text(GUARD)
    log = folder / "guard.log"
    path = os.pathsep.join(filter(None, [str(folder / "guard"), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "changedet", "run", site, "--out", folder / "out", "--cache", folder / "cache"],
        capture_output=True, text=True, timeout=280,
        env={**os.environ, "PYTHONPATH": path, "GUARD_LOG": str(log), **environment},
    )  # fmt: skip
    return done, log.read_text()


def write_site(folder: Path, source: str) -> Path:
    path = site_yaml(folder, "x", before="[2024-01-01, 2024-06-30]", after="[2024-07-01, 2024-12-31]")
    path.write_text(path.read_text().replace("source:\n  kind: stac\n  catalog: x\n", f"source: {source}\n"))
    return path


@pytest.mark.parametrize("kind", ["stac static", "stac API", "sentinelhub"])
def test_a_run_stays_on_loopback(contracts: Path, tmp_path: Path, kind: str) -> None:
    shots = [shot(f"2024-{month:02d}-05", ground(), month) for month in (1, 2, 3, 8, 9)]
    archive = write_archive(tmp_path / "archive", shots).parent
    with ExitStack() as stack:
        address, heard = stack.enter_context(canary())
        # GDAL's own network code, in C, is out of an audit hook's reach: it would ask this proxy
        environment = {"GDAL_HTTP_PROXY": address, "SH_CLIENT_ID": "me", "SH_CLIENT_SECRET": SECRET}
        if kind == "sentinelhub":
            environment["CHANGEDET_SH_LOOPBACK"] = stack.enter_context(sentinel_hub(archive, contracts)).url
            site = write_site(tmp_path, "{kind: sentinelhub, deployment: cdse}")
        elif kind == "stac API":
            site = write_site(tmp_path, f"{{kind: stac, catalog: '{stack.enter_context(stac_api(archive)).url}/'}}")
        else:
            url = stack.enter_context(serving(archive)).url
            site = write_site(tmp_path, f"{{kind: stac, catalog: '{url}/catalog.json'}}")
        done, log = guarded(site, tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert set(log.split("\n")) == {"on", ""}
    assert heard == []
    assert list((tmp_path / "out" / "tiny").glob("*/report.html"))


def test_the_guard_refuses_all_else(tmp_path: Path) -> None:
    done, log = guarded(write_site(tmp_path, "{kind: stac, catalog: earth-search}"), tmp_path, {})
    assert done.returncode == 3, done.stderr
    assert "socket.getaddrinfo earth-search.aws.element84.com" in log
    assert "the connection failed" in done.stderr
    assert "run again later" in done.stderr
