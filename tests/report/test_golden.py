"""Composites of real scenes look as they did when someone looked at them.

Of each picture ``tests/golden/*.txt`` keeps the mean colour of 24 × 12 blocks, in CIELAB, and nothing of the imagery.
After a change that is meant to show, look at the pictures, then write them anew:

    CHANGEDET_WRITE_GOLDEN=1 python -m pytest tests/report/test_golden.py
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
import pyproj
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from changedet.report import arrays, choose, composite, stretch
from changedet.report.pictures import INK
from changedet.stack import geobox_of
from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
COLUMNS, ROWS = 24, 12
MEAN, MOST = 2.0, 6.0
"""Colour differences (CIE 1976): the mean over all blocks, and that which 95 % of the blocks keep. About 2.3 is just
noticeable (Mahy, Van Eycken and Oosterlinck 1994)."""
PICTURES = [
    ("romania_run", "composite"),
    ("romania_run", "composite-nir"),
    ("dubai_run", "composite"),
    ("dubai_run", "composite-nir"),
    ("dubai_run", "composite-swir"),
    ("rtc_run", "composite"),
]


def blocks(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean CIELAB colour of each block, (12, 24, 3), of a picture made eight times smaller."""
    lab = rgb2lab(np.asarray(Image.fromarray(np.ascontiguousarray(picture)).reduce(8)))
    rows = np.array_split(np.arange(lab.shape[0]), ROWS)
    columns = np.array_split(np.arange(lab.shape[1]), COLUMNS)
    return np.array([[lab[r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean(axis=(0, 1)) for c in columns] for r in rows])


def alike(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    """Whether two pictures' blocks look the same."""
    difference = np.linalg.norm(found - wanted, axis=-1)
    return bool(difference.mean() <= MEAN and np.percentile(difference, 95) <= MOST)


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def golden(path: Path) -> NDArray[np.float64]:
    return np.loadtxt(path).reshape(ROWS, COLUMNS, 3)


@pytest.mark.parametrize(("run", "name"), PICTURES)
def test_composites_look_as_they_did(run: str, name: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / f"{run.removesuffix('_run')}-{name}.txt"
    picture = read(Path(request.getfixturevalue(run)) / f"{name}.png")
    found = blocks(picture)
    if os.environ.get("CHANGEDET_WRITE_GOLDEN"):
        np.savetxt(path, found.reshape(ROWS, -1), fmt="%.1f")
        pytest.skip(f"{path.name} written; look at {name}.png before it is kept")
    wanted = golden(path)
    difference = np.linalg.norm(found - wanted, axis=-1)
    assert alike(found, wanted), f"mean {difference.mean():.2f}, 95 % {np.percentile(difference, 95):.2f}"
    third = picture.shape[1] // 3
    swapped = np.concatenate([picture[:, third : 2 * third], picture[:, :third], picture[:, 2 * third :]], axis=1)
    darker = np.clip(picture * 0.85, 0, 255).astype(np.uint8)
    for other in (swapped, darker, picture[:, ::-1]):
        assert not alike(blocks(other), wanted)
    if run != "rtc_run":  # grey
        assert not alike(blocks(picture[..., ::-1]), wanted)


def first_panel(picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the first panel, found by the grey line around it."""
    line = (picture == 120).all(axis=-1)
    rows = np.flatnonzero(line.sum(axis=1) > picture.shape[1] / 2)
    top, bottom = int(rows[0]), int(rows[-1])
    columns = np.flatnonzero(line[top : bottom + 1].mean(axis=0) > 0.95)
    return int(columns[0]) + 1, top + 1, int(columns[1]), bottom


def bar_points(picture: NDArray[np.uint8], below: int) -> int:
    """Length of the scale bar: the longest dark horizontal line below the panels."""
    longest = 0
    for row in (picture[below:] == INK).all(axis=-1):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.view(np.int8), [0]])))
        longest = max(longest, *(edges[1::2] - edges[::2]), 0)
    return int(longest)


@pytest.mark.parametrize("run", ["romania_run", "dubai_run", "rtc_run"])
def test_scale_bar_and_corners_are_those_of_the_grid(run: str, request: pytest.FixtureRequest) -> None:
    folder = Path(request.getfixturevalue(run))
    evidence = arrays.load(folder)
    pair = choose.leading_pair(evidence)
    assert pair is not None
    _, layout = composite.composite(evidence, pair, stretch.leading_rendition(evidence.stacks[pair.key]))
    words = "\n".join(text for text, _ in layout.texts)

    picture = read(folder / "composite.png")
    left, top, right, bottom = first_panel(picture)
    geobox = geobox_of(evidence.change)
    metres = geobox.shape[1] * abs(geobox.resolution.x) / (right - left)
    assert geobox.shape[0] * abs(geobox.resolution.y) / (bottom - top) == pytest.approx(metres, rel=0.01)

    label = re.search(r"^([\d.]+) (k?m)$", words, re.MULTILINE)
    assert label is not None
    told = float(label[1]) * (1000 if label[2] == "km" else 1)
    assert bar_points(picture, bottom) * metres == pytest.approx(told, rel=0.01)

    to_lonlat = pyproj.Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    box = geobox.extent.boundingbox
    geod = pyproj.Geod(ellps="WGS84")
    size = math.hypot(box.span_x, box.span_y)
    signs = {"N": 1, "S": -1, "E": 1, "W": -1}
    found = re.findall(r"([\d.]+)° ([NS]), ([\d.]+)° ([EW])", words)
    for (lat, ns, lon, ew), corner in zip(found[:2], ((box.left, box.top), (box.right, box.bottom)), strict=True):
        east, north = to_lonlat.transform(*corner)
        _, _, off = geod.inv(float(lon) * signs[ew], float(lat) * signs[ns], east, north)
        assert off < 0.01 * size
        assert off < 2  # metres: five decimals of a degree
