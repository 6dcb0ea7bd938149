"""changedet: checks claims of destruction at named facilities against public Sentinel-1 and Sentinel-2 imagery.

The same steps as the command line, as functions on values::

    site = changedet.load_site(Path("site.yaml"))
    evidence = changedet.gather(site, folder, store, started)
    changedet.write_report(evidence, folder)

or in one go ``changedet.run(Path("site.yaml"), Path("out"))``. Names are imported on first use, so that
``import changedet`` stays light.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Claim": "claim",
    "ChangedetError": "errors",
    "Detection": "regions",
    "Evidence": "evidence",
    "Periods": "stack",
    "Run": "pipeline",
    "Scene": "scene",
    "Site": "site",
    "Store": "store",
    "Verdict": "verdict",
    "build_stack": "stack",
    "build_stacks": "sources.acquire",
    "change_map": "stack",
    "check_change": "stack",
    "check_stack": "stack",
    "detect_changes": "detect.choose",
    "fetch_scenes": "sources.acquire",
    "find_detections": "regions",
    "find_scenes": "sources.acquire",
    "gather": "pipeline",
    "load_claim": "pipeline",
    "load_site": "pipeline",
    "open_source": "sources.acquire",
    "prepare_stacks": "prepare.steps",
    "run": "pipeline",
    "search": "searching",
    "plan": "planning",
    "site_geobox": "stack",
    "verify": "pipeline",
    "write_report": "report.artefacts",
    "zone_verdicts": "verdict",
}

__all__ = [
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
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'changedet' has no attribute {name!r}")
    return getattr(importlib.import_module(f"changedet.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
