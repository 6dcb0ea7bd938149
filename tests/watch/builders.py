"""Looks and summaries that read as sentences."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from changedet.watch.ledger import Summary, summarise
from changedet.watch.places import fold
from changedet.watch.records import Look, Rules, Sighting

START = datetime(2024, 1, 1, 8, 0, tzinfo=UTC)


def sighting(x: float = 0.0, *, p: float = 1e-6, scenes: tuple[str, ...] = ("s0",), **more: Any) -> Sighting:
    """A square of 0.001° whose left edge lies at longitude 40 + x thousandths of a degree."""
    west, south, side = 40 + x / 1000, 35.0, 0.001
    ring = [
        [west, south],
        [west + side, south],
        [west + side, south + side],
        [west, south + side],
        [west, south],
    ]
    values: dict[str, Any] = {
        "polygon": {"type": "Polygon", "coordinates": [ring]},
        "centroid": (west + side / 2, south + side / 2),
        "area": 10_000.0,
        "p_value": p,
        "kind": "structure removed",
        "onset_after": START,
        "onset_before": START + timedelta(days=5),
        "stacks": ("sentinel-2",),
        "scenes": scenes,
    }
    return Sighting(**values | more)


def look(number: int, *sightings: Sighting, day: float | None = None, **more: Any) -> Look:
    """Look ``number``, five days after the one before, of scene ``s<number>``."""
    values: dict[str, Any] = {
        "site": "tiny",
        "title": "Tiny site",
        "center": (40.0, 35.0),
        "attribution": "Contains modified Copernicus Sentinel data 2024",
        "number": number,
        "time": START + timedelta(days=5 * number if day is None else day),
        "stack": "sentinel-2",
        "scenes": (f"s{number}",),
        "rules": Rules(),
        "used": True,
        "clear": 1.0,
        "alpha": 0.01,
        "pieces": 10,
        "observable": 1.0,
        "sightings": sightings,
    }
    return Look(**values | more)


def summary(*looks: Look) -> Summary:
    return summarise(fold(looks))


KINDS = ("depot", "harbour", "refinery", "airfield")


def history(i: int, rng: random.Random) -> list[Look]:
    """Sixty looks of ``site-<i>``, which is one of four kinds; on each tenth something changes and stays."""
    looks = []
    for n in range(1, 61):
        seen = (sighting(scenes=(f"s{n}",)),) if i % 10 == 0 and n >= 40 + i % 7 else ()
        used = bool(seen) or rng.random() > 0.4
        looks.append(
            look(n, *seen, site=f"site-{i:03d}", title=f"{KINDS[i % 4]} {i}", used=used, day=6 * n - i % 5,
                 center=(rng.uniform(20, 60), rng.uniform(10, 50)), run="r" if seen else None)
        )  # fmt: skip
    return looks
