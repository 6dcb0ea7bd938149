"""Sentinel Hub's catalogue: what to ask, and from its features to acquisitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from changedet.errors import ServiceError
from changedet.scene import CLASSIFICATION, OPTICAL_BANDS, RADAR_BANDS, Asset, Scene
from changedet.sources import Query
from changedet.sources.stac_items import MAX_ORBIT, REFLECTANCE_SCALE, UnreadableItemError, scene_from_item

PAGE = 100
SAME_PASS = timedelta(minutes=10)
"""Products of one platform that begin within this time belong to one acquisition."""
_S1_ORBIT = re.compile(r"^(S1[A-D])_.*_(\d{6})_[0-9A-F]{6}")
_S1_SHIFT = {"S1A": 73, "S1B": 27, "S1C": 172}
"""Absolute orbit that is relative orbit 1, modulo ``MAX_ORBIT`` (ESA, Sentinel-1 orbit numbering)."""


def search_body(query: Query, collection: str) -> dict[str, Any]:
    """The body of a catalogue search (Sentinel Hub Catalog API 1.0.0)."""
    lons, lats = [p[0] for p in query.ring], [p[1] for p in query.ring]
    body: dict[str, Any] = {
        "collections": [collection],
        "bbox": [min(lons), min(lats), max(lons), max(lats)],
        "datetime": f"{query.start:%Y-%m-%dT%H:%M:%SZ}/{query.end - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}",
        "limit": PAGE,
    }
    if query.sensor == "sentinel-2" and query.max_cloud is not None:
        body |= {
            "filter": {"op": "<=", "args": [{"property": "eo:cloud_cover"}, query.max_cloud]},
            "filter-lang": "cql2-json",
        }
    return body


def page_of(page: Mapping[str, Any]) -> tuple[list[dict[str, Any]], object]:
    """Features of one answer, and what to send for the next one; None at the end.

    Raises
    ------
    ServiceError
    """
    features, context = page.get("features"), page.get("context") or {}
    if not isinstance(features, list) or not isinstance(context, dict):
        raise ServiceError("the catalogue of Sentinel Hub answered something that is no list of scenes")
    return [feature for feature in features if isinstance(feature, dict)], context.get("next")


def acquisitions(features: Iterable[Mapping[str, Any]], query: Query, source: str) -> tuple[Scene, ...]:
    """One Scene per pass of one platform, with the ids of all its products, in order of time."""
    scenes = [scene for feature in features if (scene := _scene(feature, query, source)) is not None]
    scenes.sort(key=lambda scene: (scene.platform, scene.time, scene.id))
    joined: list[Scene] = []
    for scene in scenes:
        last = joined[-1] if joined else None
        if last is not None and scene.platform == last.platform and scene.time - last.time <= SAME_PASS:
            joined[-1] = replace(last, product=f"{last.product}+{scene.product}")
        else:
            joined.append(scene)
    wanted = query.relative_orbits
    kept = [scene for scene in joined if wanted is None or scene.relative_orbit in wanted]
    return tuple(sorted(kept, key=lambda scene: (scene.time, scene.id)))


def _scene(feature: Mapping[str, Any], query: Query, source: str) -> Scene | None:
    try:
        scene = scene_from_item({**feature, "assets": {}}, source)
    except UnreadableItemError:
        return None
    if scene.sensor != query.sensor or not query.start <= scene.time < query.end:
        return None
    identity = scene.id.removesuffix(".SAFE")
    orbit = scene.relative_orbit if scene.relative_orbit is not None else _radar_orbit(identity)
    optical = scene.sensor == "sentinel-2"
    bands = (*OPTICAL_BANDS, CLASSIFICATION) if optical else RADAR_BANDS
    # the service harmonises baselines, so that no offset is left
    asset = Asset(href=f"sentinelhub:{identity}", scale=REFLECTANCE_SCALE if optical else 1.0, nodata=float("nan"))
    return replace(
        scene,
        relative_orbit=orbit,
        level="L2A" if optical else "GRD",
        product=scene.product or identity,
        assets=dict.fromkeys(bands, asset),
    )


def _radar_orbit(identity: str) -> int | None:
    named = _S1_ORBIT.match(identity)
    if named is None or named[1] not in _S1_SHIFT:
        return None
    return (int(named[2]) - _S1_SHIFT[named[1]]) % MAX_ORBIT + 1
