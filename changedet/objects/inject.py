"""The claimed change put into places where nothing happened, to learn how often it would have been found.

Optical: the object's material gives way to that of the ground around it, more or less sooted. With o the object's mean,
g the ground's and f the share of o that comes from the object itself, a full change is (g − o) + λ f (soot − g).
Radar: the object's own echo gives way to that of rubble or ground, which may be fainter or stronger (3 dB is usual).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from changedet.claim import What
from changedet.objects.scan import Scan

Doubles = NDArray[np.float64]

SOOT: Mapping[str, float] = {
    "blue": 0.05, "green": 0.053, "red": 0.058, "nir": 0.066, "swir16": 0.095, "swir22": 0.105,
}  # fmt: skip
"""Reflectance of sooted ground."""
MOST_SOOT = 0.7
COMPLETE: Mapping[What, tuple[float, float]] = {
    "destroyed": (0.6, 1.0),
    "damaged": (0.2, 0.6),
    "built": (0.6, 1.0),
    "intact": (0.6, 1.0),
}
"""Share of the object that changes, between these."""
NEW_ROOFS = (0.1, 0.5)
"""Reflectance of what is built, between these."""
RADAR_STEP_DB = 3.0


def optical_steps(
    what: What, means: tuple[Doubles, Doubles, float], bands: Sequence[str], count: int, rng: np.random.Generator
) -> Doubles:
    """Changes of reflectance (bands, count) as the claim would have it.

    Parameters
    ----------
    means : the object's mean (bands,), its ring's (bands,), and the object's share of its mean
    """
    own, ground, fill = means
    complete = rng.uniform(*COMPLETE[what], count)
    if what == "built":
        roof = rng.uniform(*NEW_ROOFS, count)
        return np.asarray(fill * (roof[None] - own[:, None]) * complete)
    soot = np.array([SOOT[name] for name in bands])
    sooted = rng.uniform(0, MOST_SOOT, count)
    return np.asarray(((ground - own)[:, None] + sooted * fill * (soot - ground)[:, None]) * complete)


def radar_steps(what: What, over_ground: Doubles, fill: float, count: int, rng: np.random.Generator) -> Doubles:
    """Changes of the footprint's ln power (bands, count).

    A structure that is lost takes no more than its own echo with it; what lies there after it echoes like the ground,
    give or take ``RADAR_STEP_DB``. What is built changes the echo of its share by as much, up or down. What is only
    damaged may echo as before: fire blackens a roof and leaves the walls, so that no radar image says that nothing
    happened.

    Parameters
    ----------
    over_ground : (bands,), the footprint's mean power over its ring's
    fill : the object's share of its mean
    """
    bands = len(over_ground)
    if what == "damaged":
        return np.zeros((bands, count))
    other = 10 ** ((rng.normal(0, RADAR_STEP_DB, count) + rng.normal(0, 1, (bands, count))) / 10)
    if what == "built":
        return np.asarray(np.log1p(fill * (other - 1)))
    own = over_ground[:, None]
    of_object = np.maximum(own - (1 - fill), 0)
    complete = rng.uniform(*COMPLETE[what], count)
    return np.asarray(np.log1p(complete * (fill * other - of_object) / own))


def injected(scanned: Scan, steps: Doubles, days: NDArray[np.datetime64], everywhere: bool = False) -> Doubles:
    """The standardised statistic of each control with a step put into it.

    The step is as large against a control's noise as it would be against the object's, so that a restless object does
    not borrow the power of its quiet controls; or with ``everywhere``, as it is against the control's own.

    Parameters
    ----------
    steps : (bands, controls)
    days : (controls,) when each step happens
    """
    step = scanned.step[:, :, 1:]
    if not everywhere:
        # G goes with the square of a step, and counts for as much as that of the object
        step = scanned.step[:, :, :1] * np.sqrt(scanned.drawn[0] / scanned.drawn[1:])
    added = (step * steps[None]).sum(1)
    later = (scanned.times[:, None] >= days[None, :]) & (scanned.mask[:, 1:] > 0)
    z = scanned.z.copy()
    z[:, :, 1:] += added[:, None, :] * later[None]
    return scanned.statistic(z)[1:]
