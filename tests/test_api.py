"""The public API, pinned: a name that goes or comes is a decision, not an accident."""

from __future__ import annotations

import subprocess
import sys

import pytest

import changedet

NAMES = [
    "ChangedetError",
    "Claim",
    "Detection",
    "Evidence",
    "Periods",
    "Run",
    "Scene",
    "Site",
    "Store",
    "Verdict",
    "build_stack",
    "build_stacks",
    "change_map",
    "check_change",
    "check_stack",
    "detect_changes",
    "fetch_scenes",
    "find_detections",
    "find_scenes",
    "gather",
    "load_claim",
    "load_site",
    "open_source",
    "plan",
    "prepare_stacks",
    "run",
    "search",
    "site_geobox",
    "verify",
    "write_report",
    "zone_verdicts",
]


def test_the_public_names() -> None:
    assert changedet.__all__ == NAMES
    for name in NAMES:
        assert callable(getattr(changedet, name)), name
    assert set(dir(changedet)) >= set(NAMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = changedet.nonsense


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, changedet; print([m for m in ('numpy', 'rasterio', 'xarray', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
