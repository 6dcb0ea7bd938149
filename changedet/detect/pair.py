"""Two dates only: the one image before and the one after that show most of the ground."""

from __future__ import annotations

import numpy as np
import xarray as xr

from changedet.detect import mad
from changedet.detect.features import Null, choose_pair, sample, smooth
from changedet.stack import Periods
from changedet.values import DetectorConfig

SCALES = (1.0, 2.0, 4.0)


class Config(DetectorConfig):
    """No settings yet."""


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap between the clearest date of each side.

    ``score`` is the MAD magnitude averaged over Gaussian windows of several widths; ``p_value`` comes from the bulk of
    the map itself; ``onset_after`` and ``onset_before`` are the two acquisitions. A pixel not seen on both is not
    observable.

    Raises
    ------
    NothingClearError
        A side has no date that shows the ground.
    """
    pair = choose_pair(stack, periods)
    magnitude = mad.magnitude(pair)
    score = np.zeros_like(magnitude)
    for scale in SCALES:
        score += smooth(magnitude, pair.seen, scale) / np.float32(len(SCALES))
    score[~pair.seen] = np.nan
    p_value = Null.fit(score[sample(pair.seen)]).p_value(score)
    return mad.pair_map(stack, pair, score, p_value, rate, "pair")
