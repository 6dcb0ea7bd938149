"""``item.json``: the run as a STAC Item; and ``catalog.json``: the out folder as a static STAC catalogue of all runs.

STAC 1.1.0 with the extensions file 2.1.0 (checksums as multihash) and processing 1.1.0. Write the item after all other
artefacts: it lists what lies in the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import shapely
from filelock import FileLock, Timeout
from shapely.geometry import Polygon, mapping

from changedet.errors import OutputError
from changedet.evidence import Evidence
from changedet.report import manifest
from changedet.report.plain import iso, json_bytes, whole_text
from changedet.report.public import public
from changedet.report.words import count
from changedet.scene import Scene
from changedet.store import output_error, sha256_of, write_bytes

STAC_VERSION = "1.1.0"
FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
PROCESSING_EXTENSION = "https://stac-extensions.github.io/processing/v1.1.0/schema.json"
NAME = "item.json"
CATALOGUE = "catalog.json"
SHA256_MULTIHASH = "1220"
"""Multihash prefix of SHA-256: function 0x12, length 0x20."""
LOCK_TIMEOUT = 60.0
"""Seconds."""

_MEDIA_TYPES: Mapping[str, str] = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".kmz": "application/vnd.google-earth.kmz",
    ".json": "application/json",
    ".npz": "application/zip",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_ROLES: Mapping[str, str] = {
    **dict.fromkeys((".tif", ".geojson", ".gpkg", ".kmz", ".npz"), "data"),
    **dict.fromkeys((".png", ".gif", ".webp"), "visual"),
}
_TITLES: Mapping[str, str] = {
    "report.html": "Report",
    "report.pdf": "Report for print",
    "composite.png": "Before, after and flagged, side by side",
    "before.png": "Before",
    "after.png": "After",
    "change.tif": "Change map",
    "changed.tif": "Changed, unchanged, not observable",
    "detections.geojson": "Places flagged as changed, GeoJSON",
    "detections.gpkg": "Places flagged as changed, GeoPackage",
    "detections.kmz": "Places flagged as changed, for Google Earth",
    "verdicts.json": "Verdicts on the claims",
    "evidence.json": "The evidence without its rasters",
    "run.json": "Inputs, versions, settings and times of the run",
}


def write(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write ``item.json``, which lists each other file in ``folder``.

    Raises
    ------
    OSError
        When a file cannot be read or written.
    """
    path = folder / NAME
    path.write_bytes(json_bytes(item(public(evidence), folder)))
    return (path,)


def item(evidence: Evidence, folder: Path) -> Mapping[str, object]:
    """The STAC Item of a run whose artefacts lie in ``folder``."""
    site = evidence.site
    ring = shapely.orient_polygons(Polygon(site.ring))
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [FILE_EXTENSION, PROCESSING_EXTENSION],
        "id": f"{site.id}-{evidence.provenance.run_id}",
        "geometry": mapping(ring),
        "bbox": list(ring.bounds),
        "properties": _properties(evidence),
        "links": [{"rel": rel, "href": f"../../{CATALOGUE}", "type": "application/json"} for rel in ("root", "parent")]
        + [_derived_from(scene) for scene in evidence.scenes],
        "assets": dict(_assets(folder)),
    }


def update_catalogue(out: Path) -> Path:
    """Write ``<out>/catalog.json`` anew from the runs that lie in ``out``; runs that end at the same time take turns.

    A run whose ``item.json`` cannot be read is left out.

    Raises
    ------
    OutputError
        When the catalogue cannot be written, or another run has held it for longer than ``LOCK_TIMEOUT``.
    """
    path = out / CATALOGUE
    try:
        with FileLock(out / ".catalog.lock", timeout=LOCK_TIMEOUT):
            write_bytes(path, json_bytes(catalogue(out)))
    except Timeout as error:
        raise OutputError(
            f"{path}: another run has held the catalogue for {LOCK_TIMEOUT:.0f} s; end that run, then run again"
        ) from error
    except OSError as error:
        raise output_error(path, error) from error
    return path


def catalogue(out: Path) -> Mapping[str, object]:
    """The STAC Catalog of all finished runs below ``out``, by site, then run."""
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": "changedet-runs",
        "title": "Runs of changedet",
        "description": "Each item is one run over one site: what was looked at, what was found, and all files of it.",
        "links": [
            {"rel": "root", "href": f"./{CATALOGUE}", "type": "application/json", "title": "Runs of changedet"},
            *_item_links(out),
        ],
    }


def _properties(evidence: Evidence) -> Mapping[str, object]:
    site = evidence.site
    times = [scene.time for scene in evidence.scenes] or [site.before.start, site.after.end]
    found = count(len(evidence.detections), "place")
    detectors = sorted({str(change.attrs["detector"]) for change in evidence.maps.values()})
    return {
        "title": whole_text(site.name),
        "description": f"{found} flagged as changed between {site.before} and {site.after}.",
        "datetime": None,
        "start_datetime": iso(min(times)),
        "end_datetime": iso(max(times)),
        "license": "other",
        "processing:lineage": f"{count(len(evidence.scenes), 'scene')}; detectors {', '.join(detectors) or 'none'}; "
        f"seed {evidence.provenance.seed}. run.json lists each input, version and setting.",
        "processing:software": {name: str(v) for name, v in sorted(evidence.provenance.versions.items())},
        "changedet:attribution": evidence.attribution,
        "changedet:simulated": evidence.simulated,
        "changedet:detections": len(evidence.detections),
        "changedet:verdicts": {verdict.subject: verdict.outcome for verdict in evidence.verdicts},
    }


def _derived_from(scene: Scene) -> Mapping[str, object]:
    return {"rel": "derived_from", "href": scene_uri(scene), "title": whole_text(scene.product or scene.id)}


def scene_uri(scene: Scene) -> str:
    """Where an input can be found again.

    Of a STAC API the address of the item (STAC API, Features); of anything else a name made of the scene's id, for a
    path on the machine of the run would lead nobody anywhere.
    """
    api = scene.source.startswith(("https://", "http://")) and not scene.source.endswith(".json")
    if api and scene.collection:
        return f"{scene.source.rstrip('/')}/collections/{quote(scene.collection)}/items/{quote(scene.id, safe='')}"
    return f"urn:changedet:scene:{quote(whole_text(scene.id), safe='')}"


def _assets(folder: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name in manifest.files(folder):
        if name == NAME:
            continue
        path = folder / name
        described: dict[str, object] = {
            "href": f"./{name}",
            "type": _MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
            "title": _TITLES.get(name, path.stem),
            "roles": [_ROLES.get(path.suffix, "metadata")],
        }
        if name != "run.json":  # it holds times of running, which must not make the item differ; the manifest has it
            described["file:size"] = path.stat().st_size
            described["file:checksum"] = SHA256_MULTIHASH + sha256_of(path)
        yield name.replace("/", "-"), described


def _item_links(out: Path) -> Iterator[Mapping[str, object]]:
    for path in sorted(out.glob(f"*/*/{NAME}")):
        parts = path.relative_to(out).parts
        if any(part.startswith(".") for part in parts):
            continue
        try:
            record = json.loads(path.read_bytes())
            title = f"{record['properties']['title']}, run {parts[1]}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield {"rel": "item", "href": f"./{'/'.join(parts)}", "type": "application/geo+json", "title": title}
