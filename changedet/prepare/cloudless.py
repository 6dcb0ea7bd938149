"""Masks clouds by the model s2cloudless where the scenes carry no scene classification, as level 1C does.

The model reads ten bands of top-of-atmosphere reflectance, pixel by pixel (Zupanc, "Improving Cloud Detection with
Machine Learning", 2017; compared with others in Skakun et al., Remote Sensing of Environment 274, 2022). It knows no
cloud shadows and no snow. The package is an extra, ``changedet[clouds]``; nothing here needs it until a model is asked
for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from changedet.errors import InputError
from changedet.prepare.clouds import with_valid
from changedet.scene import CLOUD_BANDS
from changedet.site import Site

MODEL_BANDS = {
    "coastal": "B01",
    "blue": "B02",
    "red": "B04",
    "rededge1": "B05",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
}
"""What the model reads, in its order: band of a stack and Sentinel-2's own number."""
THRESHOLD, AVERAGE_OVER, DILATION = 0.4, 4, 2
"""Probability of cloud; radii in pixels of the mean of the probability and of the growth of the mask."""
STRIP, HALO = 128, 16
"""Rows at a time, and rows around them: what lies farther than the two radii together cannot reach a pixel."""
EXTRA = 'pip install "changedet[clouds]"'

Classifier = Callable[[NDArray[np.float32]], NDArray[np.bool_]]
"""Reflectance 0–1 (y, x, ten bands), finite, to cloud (y, x)."""


def check_asked(site: Site) -> None:
    """Refuse a site that asks for the model where it is not installed, before anything is fetched.

    Raises
    ------
    InputError
    """
    spec = site.sensors.get("sentinel-2")
    if spec is not None and spec.cloud_mask is not None and not installed():
        raise InputError(
            f"site {site.id}: sensors: sentinel-2: cloud_mask: {spec.cloud_mask} needs the extra `clouds`, which is "
            f"not installed; run {EXTRA}, or leave cloud_mask out"
        )


def installed() -> bool:
    """Whether the model can be loaded."""
    return find_spec("s2cloudless") is not None


def s2cloudless() -> Classifier:
    """The model of the package, with the settings its makers recommend.

    Raises
    ------
    InputError
        When the extra is not installed.
    """
    try:
        from s2cloudless.cloud_detector import S2PixelCloudDetector
    except ImportError as error:
        raise InputError(f"s2cloudless cannot be loaded ({error}); run {EXTRA}") from error
    detector = S2PixelCloudDetector(
        threshold=THRESHOLD, average_over=AVERAGE_OVER, dilation_size=DILATION, all_bands=False
    )

    def classify(reflectance: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray(detector.get_cloud_masks(reflectance[np.newaxis])[0], bool)

    return classify


def mask_cloudless(
    stack: xr.Dataset, asked: bool, classifier: Classifier | None = None
) -> tuple[xr.Dataset, tuple[str, ...]]:
    """The stack without ``CLOUD_BANDS``, its clouds no longer valid where a model can tell; and what is to be said.

    A pixel of which one of the ten bands is missing cannot be judged and is not valid. A stack with ``scl`` keeps what
    it has, and its clouds are masked by that.

    Parameters
    ----------
    stack : optical Stack
    asked : whether the site file asks for the model
    classifier : in place of s2cloudless
    """
    key = stack.attrs["key"]
    bare = stack.drop_vars([name for name in CLOUD_BANDS if name in stack.data_vars])
    if "scl" in stack:
        told = f"{key}: the scenes carry a scene classification, which masked the clouds; s2cloudless was not used."
        return bare, (told,) if asked else ()
    missing = [number for name, number in MODEL_BANDS.items() if name not in stack.data_vars]
    if missing:
        return bare, (_unmasked(key, missing, asked),)
    if classifier is None and not installed():
        return bare, (f"{key}: no cloud mask was made: s2cloudless is not installed; {EXTRA} would give one.",)
    hidden = _hidden(stack, classifier or s2cloudless())
    masked = with_valid(bare, bare.valid.values & ~hidden)
    return masked, (f"{key}: clouds were masked by s2cloudless, which knows neither cloud shadows nor snow.",)


def _unmasked(key: str, missing: list[str], asked: bool) -> str:
    if asked:
        return (
            f"{key}: no cloud mask was made: the scenes carry no scene classification, and s2cloudless needs the "
            f"bands {', '.join(missing)}, which not all of them have; scenes of level 1C with all bands would give one."
        )
    return (
        f"{key}: no cloud mask was made: the scenes carry no scene classification; `cloud_mask: s2cloudless` under "
        f"`sentinel-2` in the site file, with {EXTRA} and scenes that have all bands of level 1C, would give one."
    )


def _hidden(stack: xr.Dataset, classifier: Classifier) -> NDArray[np.bool_]:
    """Cloud, or not to be judged: bool (time, y, x)."""
    hidden = np.ones(stack.valid.shape, bool)
    rows = stack.sizes["y"]
    for date in range(stack.sizes["time"]):
        for top in range(0, rows, STRIP):
            first, last = max(0, top - HALO), min(rows, top + STRIP + HALO)
            part = np.stack([stack[name].values[date, first:last] for name in MODEL_BANDS], axis=-1)
            known = np.isfinite(part).all(-1)
            if known.any():
                cloud = classifier(_filled(part, known)) | ~known
                hidden[date, top : top + STRIP] = cloud[top - first :][: min(STRIP, rows - top)]
    return hidden


def _filled(part: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Gaps hold what the nearest known pixel holds, so that the mean of the probability is not lost beside them."""
    if known.all():
        return part
    y, x = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled: NDArray[np.float32] = part[y, x]
    return filled
