"""The null distribution that a detector measured on the site itself, read from the attributes of a change map.

A detector that calibrates leaves ``calibration_edges`` and ``calibration_histogram`` (its statistic at false dates
inside the reference period), ``calibration_windows``, ``_values``, ``_threshold``, ``_rate``, ``_held_out_share``,
``_uniformity_p`` and ``_note``. A detector that leaves no histogram has not measured its false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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
    edges, counts = _floats(attrs.get("calibration_edges")), _floats(attrs.get("calibration_histogram"))
    if len(counts) == 0 or len(edges) != len(counts) + 1 or not np.isfinite(edges).all():
        return None
    total = int(sum(counts))
    threshold = _number(attrs.get("calibration_threshold"))
    return Placebo(
        " ".join(_sentences(attrs, name, total, threshold)),
        edges,
        tuple(int(n) for n in counts),
        threshold,
        "search statistic",
        f"{name}: {total:,} placebo values; the last bar also holds all above it.",
        f"Histogram of {total:,} placebo values from {edges[0]:.3g} to {edges[-1]:.3g}"
        + ("." if threshold is None else f", with the threshold at {threshold:.3g}."),
    )


def _sentences(attrs: Mapping[object, object], name: str, total: int, threshold: float | None) -> Iterator[str]:
    windows = _number(attrs.get("calibration_windows"))
    dates = "false dates" if windows is None else words.count(int(windows), "false date")
    yield (
        f"{name}: the same search was made at {dates} within the reference period, when nothing is known to have "
        f"happened, and the bars count the {total:,} values it gave."
    )
    if threshold is not None:
        rate = _number(attrs.get("calibration_rate"))
        of = "" if rate is None else f", which at most {words.share(rate)} of unchanged ground should reach"
        yield f"The line marks what is called change{of}."
    held = _number(attrs.get("calibration_held_out_share"))
    if held is not None:
        yield f"On false dates held back to check this, {words.share(held)} of the values reached it."
    uniform = _number(attrs.get("calibration_uniformity_p"))
    if uniform is not None and uniform < 0.01:
        yield "The p-values of the dates held back are not evenly spread, so read the p-values here with care."
    note = attrs.get("calibration_note")
    if isinstance(note, str) and note:
        yield words.clean(note[:1].upper() + note[1:]).rstrip(".") + "."


def _floats(value: object) -> tuple[float, ...]:
    if isinstance(value, np.ndarray | Sequence) and not isinstance(value, str):
        return tuple(float(v) for v in value)
    return ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) and math.isfinite(float(value)) else None
