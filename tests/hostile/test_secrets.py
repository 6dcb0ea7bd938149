"""Keys, tokens and signatures of a run are in none of its files and words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.archive import ground, shot, site_yaml, write_archive
from tests.hostile.world import DATES
from tests.loopback import send
from tests.sources.sentinelhub_server import SECRET, sentinel_hub
from tests.stac_api import stac_api


@pytest.mark.parametrize("kind", ["signed", "sentinelhub"])
def test_no_secret_is_in_any_file_or_word_of_a_run(contracts: Path, tmp_path: Path, kind: str) -> None:
    secrets = {"SH_CLIENT_SECRET": SECRET, "SH_CLIENT_ID": "client-4b7e91", "AWS_SECRET_ACCESS_KEY": "aws-99e0ab",
               "PC_SDK_SUBSCRIPTION_KEY": "pc-key-5510"}  # fmt: skip
    tokens = {"signature": "sig-1f77d0", "bearer": "token-1"}
    days = [f"2024-{month:02d}-05" for month in (1, 2, 3, 8, 9)]
    archive = write_archive(tmp_path / "archive", [shot(day, ground(), i) for i, day in enumerate(days)]).parent
    asked: list[str] = []

    def refuse_one(handler: BaseHTTPRequestHandler, *more: object) -> bool:
        # one scene fails, so that a sentence about it is written as well
        asked.append(handler.path)
        one = "2024-02-05" in handler.path or b'"2024-02-05' in getattr(handler, "body", b"")
        if not one or not handler.path.split("?")[0].endswith((".tif", "/process")):
            return False
        send(handler, 403, f"{tokens['signature']} {SECRET}".encode(), "text/plain")
        return True

    with ExitStack() as stack:
        if kind == "signed":
            for path in archive.glob("*/*.json"):
                item = json.loads(path.read_text())
                for asset in item["assets"].values():
                    asset["href"] += f"?sv=1&sig={tokens['signature']}"
                path.write_text(json.dumps(item))
            url = stack.enter_context(stac_api(archive, fault=refuse_one)).url
            site = site_yaml(tmp_path, f"{url}/", **DATES)
        else:
            url = stack.enter_context(sentinel_hub(archive, contracts, refuse_one)).url
            site = site_yaml(tmp_path, "x", **DATES)
            site.write_text(site.read_text().replace("kind: stac\n  catalog: x", "kind: sentinelhub"))
        done = subprocess.run(
            [sys.executable, "-m", "changedet", "run", site, "--out", tmp_path / "out", "--cache", tmp_path / "cache"],
            capture_output=True, text=True, timeout=280, env={**os.environ, **secrets, "CHANGEDET_SH_LOOPBACK": url},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2024-02-05" in done.stderr
    if kind == "signed":
        assert any(tokens["signature"] in path for path in asked)  # the signature was sent where it belongs
    files = [path for part in ("out", "cache") for path in (tmp_path / part).rglob("*") if path.is_file()]
    assert len(files) > 30
    for secret in (*secrets.values(), *tokens.values()):
        assert secret not in done.stdout + done.stderr
        for path in files:
            assert secret.encode() not in path.read_bytes(), path
            assert secret not in path.name
        _not_packed(files, secret.encode())


def _not_packed(files: list[Path], secret: bytes) -> None:
    """Nor inside the zip files (KMZ, arrays)."""
    for path in files:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as pack:
                assert not any(secret in pack.read(name) for name in pack.namelist()), path
