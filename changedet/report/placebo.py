"""The null distribution that a detector measured on the site itself, read from the attributes of a change map.

A detector that calibrates leaves ``calibration_edges`` and ``calibration_counts`` (a histogram of its statistic at
placebo dates or places), and may leave ``calibration_threshold`` and ``calibration_uniformity`` (the share of held-out
placebos that it would have flagged). A detector that does not leave them has not measured its false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from changedet.evidence import Evidence
from changedet.report import words


@dataclass(frozen=True, slots=True)
class Placebo:
    """A placebo histogram and what it means."""

    sentence: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    threshold: float | None
    axis: str
    label: str
    alt: str


def placebos(evidence: Evidence) -> tuple[Placebo, ...]:
    """One a stack whose map carries a histogram, else the site's own if it has one."""
    found = []
    for key, change in evidence.maps.items():
        placebo = _placebo(change.attrs, words.key_name(key))
        if placebo is not None:
            found.append(placebo)
    if not found:
        placebo = _placebo(evidence.change.attrs, "All sensors together")
        found = [] if placebo is None else [placebo]
    return tuple(found)


def _placebo(attrs: Mapping[object, object], name: str) -> Placebo | None:
    edges, counts = _floats(attrs.get("calibration_edges")), _floats(attrs.get("calibration_counts"))
    if len(counts) == 0 or len(edges) != len(counts) + 1 or not np.isfinite(edges).all():
        return None
    total = int(sum(counts))
    threshold = _number(attrs.get("calibration_threshold"))
    sentence = (
        f"{name}: the same search was made {total:,} times where and when nothing is known to have happened; "
        "the bars show the values it gave."
    )
    if threshold is not None:
        sentence += " Only values to the right of the line are called change."
    measured = _number(attrs.get("calibration_uniformity"))
    if measured is not None:
        sentence += f" On dates held back, {words.share(measured)} of these trials would have raised a false alarm."
    return Placebo(
        sentence,
        edges,
        tuple(int(n) for n in counts),
        threshold,
        "value of the search statistic",
        f"{name}, {total:,} placebo trials.",
        f"Histogram of {total:,} placebo trials, values from {edges[0]:.3g} to {edges[-1]:.3g}.",
    )


def _floats(value: object) -> tuple[float, ...]:
    if isinstance(value, np.ndarray | Sequence) and not isinstance(value, str):
        return tuple(float(v) for v in value)
    return ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) and math.isfinite(float(value)) else None
