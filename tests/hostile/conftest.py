"""Hostile inputs: none reads, writes or sends outside the rules, and each costs a sentence, never a traceback.

The world of each test holds a marked raster and a marked text beside the archive, and a listening socket that nobody
should call. After each input the tree of files is what it was, but for the cache and the runs, and no marked byte
is in either.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.archive import SIZE, ground, shot, write_archive, write_cog
from tests.hostile.world import DAYS, MARK, WORD, World
from tests.loopback import canary


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shots = [shot(day, ground(), i) for i, day in enumerate(DAYS)]
    for one in shots:
        one.bands = {name: one.bands[name] for name in ("red", "nir")}
    return write_archive(tmp_path_factory.mktemp("original") / "archive", shots).parent


@pytest.fixture
def world(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    shutil.copytree(original, tmp_path / "archive")
    write_cog(tmp_path / "secret.tif", np.full((SIZE, SIZE), MARK, np.uint16))
    (tmp_path / "secret.txt").write_text(WORD)
    (tmp_path / "secret.json").write_text(json.dumps({"type": "Catalog", "id": WORD, "links": []}))
    with canary() as (address, heard):
        # GDAL's own network code would ask here
        monkeypatch.setenv("GDAL_HTTP_PROXY", address)
        yield World(tmp_path, address, heard)
