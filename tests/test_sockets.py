"""The whole way through real sockets: a STAC API and files with byte ranges give the bytes of the static catalogue."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from changedet import pipeline
from tests.loopback import serving

SITE = """\
id: romania
name: Managed forest, Romania
bbox: [22.1455, 45.2001, 22.1589, 45.2094]
source:
  kind: stac
  catalog: {catalog}
sensors:
  sentinel-2: {{}}
before: [2018-04-01, 2019-03-31]
after: [2019-04-01, 2019-09-30]
"""


@contextmanager
def stac_api(items: Path) -> Iterator[str]:
    """``rustac serve`` in memory on loopback."""
    # beside the interpreter first: a virtual environment need not be active
    program = shutil.which("rustac", path=str(Path(sys.executable).parent)) or shutil.which("rustac")
    if program is None:
        pytest.skip("rustac is not installed; pip install rustac")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "serve", "--addr", f"127.0.0.1:{port}", "--create-collections", str(items)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(url, timeout=1).close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def write_site(folder: Path, catalog: str) -> Path:
    folder.mkdir()
    path = folder / "site.yaml"
    path.write_text(SITE.format(catalog=catalog))
    return path


def test_an_api_gives_the_bytes_of_the_static_catalogue(data: Path, tmp_path: Path) -> None:
    root = data / "romania"
    with serving(root) as files:
        items = []
        for path in sorted(root.glob("romania-201[89]*/*.json")):
            item = json.loads(path.read_text())
            for asset in item["assets"].values():
                asset["href"] = f"{files.url}/{asset['href'].removeprefix('../')}"
            item["links"] = []
            items.append(item)
        collection = tmp_path / "items.json"
        collection.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        with stac_api(collection) as api:
            remote = pipeline.run(write_site(tmp_path / "remote", api), tmp_path / "out-a", cache=tmp_path / "cache-a")
    site = write_site(tmp_path / "static", str(root / "catalog.json"))
    static = pipeline.run(site, tmp_path / "out-b", cache=tmp_path / "cache-b")
    assert len(remote.evidence.scenes) == len(static.evidence.scenes) > 20
    assert remote.evidence.provenance.downloads["requests"] > len(remote.evidence.scenes)
    assert static.evidence.provenance.downloads["requests"] == 0
    assert (remote.folder / "change.tif").read_bytes() == (static.folder / "change.tif").read_bytes()
