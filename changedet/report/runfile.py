"""``run.json``: what the run was made from and how; ``verdicts.json``: what the evidence says of each claim.

``run.json`` alone carries times of running. Addresses are written without user, password and query.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from changedet.errors import InputError
from changedet.evidence import Evidence, Provenance
from changedet.report.plain import json_bytes
from changedet.report.public import public
from changedet.scene import Scene

RUN_SCHEMA = "changedet-run-1"
VERDICTS_SCHEMA = "changedet-verdicts-1"


def write(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write ``run.json`` and ``verdicts.json`` into ``folder``.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    evidence = public(evidence)
    run, verdicts = folder / "run.json", folder / "verdicts.json"
    run.write_bytes(json_bytes(run_record(evidence)))
    verdicts.write_bytes(json_bytes(verdicts_record(evidence)))
    return run, verdicts


def run_record(evidence: Evidence) -> Mapping[str, object]:
    """The content of ``run.json``."""
    made = evidence.provenance
    return {
        "schema": RUN_SCHEMA,
        "run": made.run_id,
        "started": made.started,
        "attribution": evidence.attribution,
        "simulated": evidence.simulated,
        "site": evidence.site,
        "counts": {
            "scenes": len(evidence.scenes),
            "failures": len(evidence.failures),
            "dropped": len(evidence.dropped),
            "detections": len(evidence.detections),
            "verdicts": len(evidence.verdicts),
        },
        "notes": evidence.notes,
        "failures": evidence.failures,
        "dropped": evidence.dropped,
        "inputs": [_input(scene, evidence.checksums) for scene in evidence.scenes],
        "parameters": made.parameters,
        "seed": made.seed,
        "versions": dict(sorted(made.versions.items())),
        "downloads": made.downloads,
        "timings": made.timings,
    }


def read_provenance(folder: Path) -> Provenance:
    """How the run in ``folder`` was made.

    Raises
    ------
    InputError
        When ``run.json`` is missing or damaged.
    """
    path = folder / "run.json"
    names = {field.name: field.name for field in dataclasses.fields(Provenance)} | {"run_id": "run"}
    try:
        record = json.loads(path.read_bytes())
        return TypeAdapter(Provenance).validate_python({name: record[key] for name, key in names.items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as the record of a run ({type(error).__name__})") from error


def verdicts_record(evidence: Evidence) -> Mapping[str, object]:
    """The content of ``verdicts.json``."""
    return {
        "schema": VERDICTS_SCHEMA,
        "site": evidence.site.id,
        "attribution": evidence.attribution,
        "simulated": evidence.simulated,
        **({} if evidence.claim is None else {"claim": evidence.claim}),
        "verdicts": evidence.verdicts,
    }


def _input(scene: Scene, checksums: Mapping[str, str]) -> Mapping[str, object]:
    """A scene as it was used: ``sha256`` is that of the original window, ``published_checksum`` the provider's own."""
    return {
        "id": scene.id,
        "product": scene.product,
        "time": scene.time,
        "sensor": scene.sensor,
        "platform": scene.platform,
        "source": scene.source,
        "collection": scene.collection,
        "relative_orbit": scene.relative_orbit,
        "orbit_direction": scene.orbit_direction,
        "level": scene.level,
        "baseline": scene.baseline,
        "tile": scene.tile,
        "cloud_share": scene.cloud_share,
        "licence": scene.licence,
        "simulated": scene.simulated,
        "notes": scene.notes,
        "assets": {
            name: {
                "href": asset.href,
                "band": asset.band,
                "scale": asset.scale,
                "offset": asset.offset,
                "nodata": asset.nodata,
                "sha256": checksums.get(f"{scene.id}/{name}"),
                "published_checksum": asset.checksum,
            }
            for name, asset in sorted(scene.assets.items())
        },
    }
