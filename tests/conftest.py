"""What all tests share: where the real imagery lies, and no network but loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# one test process to a core already: kernels that ask for all cores as well wait for each other, at half the speed; set
# before numba is first imported, and handed on to the processes that tests start
if os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

pytest_plugins = ["tests.real"]

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable) or ROOT / default).resolve()
    if not folder.is_dir():
        if os.environ.get("CHANGEDET_REQUIRE_DATA"):
            pytest.fail(f"{variable}: no folder {folder}, and CHANGEDET_REQUIRE_DATA is set")
        pytest.skip(f"{variable}: no folder {folder}; set {variable} to run this test on real data")
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real imagery with truth."""
    return _folder("CHANGEDET_DATA", "../shared/data")


@pytest.fixture(scope="session")
def contracts() -> Path:
    """Folder of published API descriptions and real STAC items."""
    return _folder("CHANGEDET_CONTRACTS", "../shared/contracts")
