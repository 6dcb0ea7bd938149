"""A site of 500 × 500 pixels with 60 dates and 20 detections; noise, which packs worse than any ground."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import xarray as xr

from changedet.evidence import Evidence
from changedet.regions import Detection, Onset
from changedet.stack import Layer, build_stack, change_map, site_geobox
from tests.report.builders import AFTER, make_evidence


def large_evidence() -> Evidence:
    """500 × 500 pixels of noise, 60 optical dates, 20 detections."""
    small = make_evidence(radar=False, simulated=False)
    west, south, east, north = 40.28, 35.31, 40.3345, 35.3548
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    geobox = site_geobox(ring, 10)
    assert min(geobox.shape) >= 490
    rng = np.random.default_rng(1)
    start = datetime(2024, 6, 1, 8, 6, tzinfo=UTC)
    bands = ("blue", "green", "red", "nir")
    layers = []
    for i in range(60):
        noise = rng.normal(0.25, 0.05, (len(bands), *geobox.shape)).astype(np.float32)
        values = dict(zip(bands, noise, strict=True))
        layers.append(Layer(start + timedelta(days=6.5 * i), f"scene-{i}", "sentinel-2a", 78, values))
    stack = build_stack(layers, geobox, sensor="sentinel-2", key="sentinel-2")
    change = _quiet(stack)
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime(2025, 3, 1), datetime(2025, 3, 11)))
    detections = []
    for number in range(1, 21):
        x, y = 40.285 + 0.0022 * number, 35.315 + 0.0017 * number
        corners = ((x, y), (x + 0.001, y), (x + 0.001, y + 0.001), (x, y + 0.001), (x, y))
        shape = {"type": "Polygon", "coordinates": [[list(corner) for corner in corners]]}
        detections.append(
            Detection(
                number, shape, 1e4, (x, y), 10.0, 0.001, Onset(first, last), "unknown", {"sentinel-2": {"red": 0.1}}
            )
        )
    scenes = tuple(replace(small.scenes[0], id=f"scene-{i}", time=layers[i].time) for i in range(60))
    assert AFTER.holds(last)
    return replace(
        small, stacks={"sentinel-2": stack}, maps={}, change=change, detections=tuple(detections), scenes=scenes
    )


def _quiet(stack: xr.Dataset) -> xr.Dataset:
    shape = stack.valid.shape[1:]
    never = np.full(shape, np.datetime64("NaT"), "datetime64[ns]")
    return change_map(
        stack,
        {
            "score": np.zeros(shape),
            "p_value": np.ones(shape),
            "changed": np.zeros(shape, bool),
            "observable": np.ones(shape, bool),
            "n_before": np.full(shape, 40),
            "n_after": np.full(shape, 20),
            "onset_after": never,
            "onset_before": never,
        },
        detector="builder",
    )
