"""Two dates by a model that was trained on labelled places: off by default, and no model comes with the package.

``benchmarks/train_learned.py`` makes a model file from scenes with labels; the site file names it:
``detect: {learned: {model: my-model.npz}}``. What it looks at is in ``learned_features``; both orders of the dates are
asked and averaged, so that what was removed counts as what was built. The answer is smoothed and added to the score of
``pair``, whose null is then fitted to the sum.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Self

import numpy as np
import xarray as xr
from pydantic import Field, PrivateAttr

from changedet import scratch
from changedet.detect import pair as training_free
from changedet.detect.features import Null, Pair, choose_pair, sample
from changedet.detect.filters import Image, smooth
from changedet.detect.learned_features import BANDS, FEATURES, describe
from changedet.detect.mad import pair_map
from changedet.detect.trees import Forest
from changedet.errors import InputError
from changedet.stack import Periods
from changedet.values import DetectorConfig

SIGMA = 1.0
"""Pixels by which the model's answer is smoothed."""
SHARE = 0.1
"""Of a unit of log-odds in the score, beside that of ``pair``."""


class Config(DetectorConfig):
    """Which model."""

    model: str = Field(min_length=1, description="the model file (.npz), in the site file's folder or below it")
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="its SHA-256; where it is given, no other file is used. run.json has that of the file used",
    )
    _forest: Forest | None = PrivateAttr(default=None)

    def located(self, folder: Path) -> Self:
        """With the model read and its SHA-256 known.

        Raises
        ------
        ValueError
            There is no such file, it lies elsewhere, is another one than asked for, or no model.
        """
        base = folder.resolve()
        if "\0" in self.model or Path(self.model).is_absolute():
            raise ValueError("must be a path relative to the site file")
        file = (base / self.model).resolve()
        if not file.is_relative_to(base):
            raise ValueError("lies outside the site file's folder")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        digest = hashlib.sha256(content).hexdigest()
        if self.sha256 not in (None, digest):
            raise ValueError(f"has the SHA-256 {digest}, not that of the field sha256")
        found = self.model_copy(update={"sha256": digest})
        found._forest = Forest.read(content, FEATURES)
        return found

    def forest(self) -> Forest:
        """The model.

        Raises
        ------
        InputError
            It was not looked for.
        """
        if self._forest is None:
            raise InputError(f"model {self.model}: not read yet; load the site file with load_site")
        return self._forest


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap between the clearest date of each side; radar is left to ``pair``, and joined with this by its score.

    Raises
    ------
    InputError
        The model was not read, or an optical stack has not the six bands.
    NothingClearError
        A side has no date that shows the ground.
    """
    forest = config.forest()
    if stack.attrs.get("quantity") == "gamma0":
        return training_free.detect(stack, periods, training_free.Config(), rate)
    missing = [band for band in BANDS if band not in stack.data_vars]
    if missing:
        raise InputError(
            f"detector learned: stack {stack.attrs.get('key', '?')} has no {' and no '.join(missing)}; it needs "
            f"{', '.join(BANDS)}; name another detector"
        )
    pair = ordered(choose_pair(stack, periods))
    score = learned_score(pair, forest)
    p_value = Null.fit(score[sample(pair.seen)]).p_value(score)
    return pair_map(stack, pair, score, p_value, rate, "learned")


def ordered(pair: Pair) -> Pair:
    """With the six bands in the order of the features."""
    places = [pair.bands.index(band) for band in BANDS]
    before, after = (tuple(image[i] for i in places) for image in (pair.before, pair.after))
    return Pair(before, after, pair.seen, pair.time_before, pair.time_after, BANDS)


def learned_score(pair: Pair, forest: Forest) -> Image:
    """The score, (y, x); NaN where not seen. Strip by strip."""
    margin = scratch.empty(pair.seen.shape, np.float32)
    score = scratch.empty(pair.seen.shape, np.float32)
    for rows, vectors in describe(pair):
        both = forest.margin(vectors.forward().reshape(FEATURES, -1))
        both += forest.margin(vectors.backward().reshape(FEATURES, -1))
        margin[rows] = both.reshape(margin[rows].shape) / np.float32(2)
        score[rows] = vectors.even[0]
    score += np.float32(SHARE) * smooth(margin, pair.seen, SIGMA)
    score[~pair.seen] = np.nan
    return score
