from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pyproj
import pytest
from numpy.typing import NDArray
from PIL import Image

from changedet.evidence import Evidence
from changedet.report import composite, scenery
from changedet.report.choose import Pair, site_pair
from changedet.report.pictures import GREY, GREY_LINE, INK, YELLOW
from changedet.report.sheet import Layout
from changedet.report.stretch import RADAR_VV, TRUE_COLOUR
from changedet.stack import geobox_of

from .builders import CHANGES, OPTICAL_KEY, RADAR_KEY, make_evidence

K = 10
"""121 pixels at 10 points each."""


def drawn(evidence: Evidence, pair: Pair | None = None) -> tuple[NDArray[np.uint8], Layout]:
    pair = pair or site_pair(evidence, OPTICAL_KEY)
    assert pair is not None
    image, layout = composite.composite(evidence, pair, TRUE_COLOUR)
    return np.asarray(image), layout


def panel(picture: NDArray[np.uint8], layout: Layout, number: int) -> NDArray[np.uint8]:
    left, top, right, bottom = layout.panels[number]
    return picture[top:bottom, left:right]


def texts(layout: Layout) -> str:
    return "\n".join(text for text, _ in layout.texts)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return make_evidence()


@pytest.fixture(scope="module")
def sheet(evidence: Evidence) -> tuple[NDArray[np.uint8], Layout]:
    return drawn(evidence)


@pytest.fixture(scope="module")
def folder(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("composite")
    composite.write(evidence, folder)
    return folder


def test_the_files(folder: Path) -> None:
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png")) == [
        "after.png",
        "before.png",
        "chips/detection-01.png",
        "chips/detection-02.png",
        "chips/detection-03.png",
        "composite-nir.png",
        "composite-radar.png",
        "composite-swir.png",
        "composite-web.png",
        "composite.png",
    ]


def test_sizes_for_print_and_web_and_no_clock_inside(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            assert image.mode == "RGB"
            if path.name.startswith("composite"):
                assert image.width == 1400 if "web" in path.name else image.width >= 2400
            assert set(image.info) <= {"dpi"}
            if path.name != "composite-web.png":
                assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_same_evidence_same_bytes(folder: Path, tmp_path: Path) -> None:
    written = composite.write(make_evidence(), tmp_path)
    assert len(written) == 10
    for path in written:
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path.name


def test_the_scale_bar_has_its_length(evidence: Evidence, sheet: tuple[NDArray[np.uint8], Layout]) -> None:
    picture, layout = sheet
    row = (picture[layout.scale_bar[1]] == INK).all(axis=-1)
    start = int(row.argmax())
    points = int(row[start:].argmin())
    left, _, right, _ = layout.panels[0]
    geobox = geobox_of(evidence.change)
    metres = points * (geobox.shape[1] * geobox.resolution.x) / (right - left)
    assert f"{layout.scale_metres:g} m" in texts(layout)
    assert metres == pytest.approx(layout.scale_metres, rel=0.01)


def test_the_printed_corners_are_as_far_apart_as_the_bar_says(sheet: tuple[NDArray[np.uint8], Layout]) -> None:
    _, layout = sheet
    found = re.findall(r"([\d.]+)° N, ([\d.]+)° E", texts(layout))
    (north, west), (south, east) = ((float(a), float(b)) for a, b in found[:2])
    _, _, ground = pyproj.Geod(ellps="WGS84").inv(west, north, east, south)
    left, top, right, bottom = layout.panels[0]
    per_point = layout.scale_metres / (layout.scale_bar[2] - layout.scale_bar[0])
    assert math.hypot(right - left, bottom - top) * per_point == pytest.approx(ground, rel=0.01)


def test_a_pixel_is_a_square_of_its_stretched_value(
    evidence: Evidence, sheet: tuple[NDArray[np.uint8], Layout]
) -> None:
    picture, layout = sheet
    pair = site_pair(evidence, OPTICAL_KEY)
    assert pair is not None
    stack = evidence.stacks[OPTICAL_KEY]
    view = composite.site_view(evidence, pair, TRUE_COLOUR)
    stretch = scenery.sides(evidence, view).stretch
    for number, times in ((0, pair.before), (1, pair.after)):
        shown = panel(picture, layout, number)
        assert shown.shape == (121 * K, 121 * K, 3)
        for row, col in ((35, 30), (64, 75), (100, 90), (20, 53), (110, 5)):
            value = np.array([stack[band].values[times[0], row, col] for band in ("red", "green", "blue")])
            share = np.clip((value - stretch.low) / (np.array(stretch.high) - stretch.low), 0, 1)
            square = shown[row * K : row * K + K, col * K : col * K + K]
            assert (square == square[0, 0]).all()
            assert square[0, 0] == pytest.approx(255 * share ** (1 / 1.25), abs=0.51)


def test_where_both_sides_are_alike_both_panels_are(evidence: Evidence) -> None:
    stack = evidence.stacks[OPTICAL_KEY].copy(deep=True)
    for band in ("red", "green", "blue"):
        stack[band].values[10, 40:] = stack[band].values[0, 40:]
    same = dataclasses.replace(evidence, stacks={OPTICAL_KEY: stack})
    picture, layout = drawn(same, Pair(OPTICAL_KEY, (0,), (10,)))
    before, after = panel(picture, layout, 0), panel(picture, layout, 1)
    np.testing.assert_array_equal(before[400:], after[400:])
    assert (before[:400] != after[:400]).any()


def test_an_outline_surrounds_what_was_flagged_and_covers_none_of_it(
    sheet: tuple[NDArray[np.uint8], Layout],
) -> None:
    picture, layout = sheet
    after, flagged = panel(picture, layout, 1), panel(picture, layout, 2)
    yellow = (flagged == YELLOW).all(axis=-1)
    for change in CHANGES:
        rows, cols = (slice(s.start * K, s.stop * K) for s in (change.rows, change.cols))
        np.testing.assert_array_equal(flagged[rows, cols], after[rows, cols])
        middle_row, middle_col = (rows.start + rows.stop) // 2, (cols.start + cols.stop) // 2
        assert yellow[middle_row, cols.start - K : cols.start].any()
        assert yellow[middle_row, cols.stop : cols.stop + K].any()
        assert yellow[rows.start - K : rows.start, middle_col].any()
        assert yellow[rows.stop : rows.stop + K, middle_col].any()


def test_what_was_not_seen_is_hatched_grey(evidence: Evidence) -> None:
    picture, layout = drawn(evidence, Pair(OPTICAL_KEY, (2,), (11,)))
    for number, share in ((0, 0.45), (1, 0.3)):
        hidden = panel(picture, layout, number)[:, : round(share * 121) * K]
        assert set(np.unique(hidden)) == {GREY, GREY_LINE}
    unseen = panel(picture, layout, 2)[: 8 * K, : 12 * K]
    assert set(np.unique(unseen)) == {GREY, GREY_LINE}
    assert "hidden on this date" in texts(layout)
    assert "not observable" in texts(layout)


def test_the_words_on_the_sheet(evidence: Evidence, sheet: tuple[NDArray[np.uint8], Layout]) -> None:
    words = texts(sheet[1])
    for text in (
        "Conoco gas plant",
        "True colour; 10 m pixels, enlarged 10 ×",
        "9 Jun 2024, 08:06 UTC",
        "4 Jun 2025, 08:06 UTC",
        "Sentinel-2A, orbit 78 descending",
        "3 changes flagged",
        evidence.attribution,
    ):
        assert text in words
    assert "SIMULATED" in evidence.attribution


def test_simulated_is_on_each_panel_and_on_no_real_one(sheet: tuple[NDArray[np.uint8], Layout]) -> None:
    def marked(picture: NDArray[np.uint8], layout: Layout) -> list[bool]:
        return [bool((panel(picture, layout, i)[:40, -250:] == YELLOW).all(axis=-1).sum() > 200) for i in range(3)]

    assert marked(*sheet) == [True] * 3
    assert marked(*drawn(make_evidence(simulated=False))) == [False] * 3


def test_no_detection_says_so(evidence: Evidence) -> None:
    _, layout = drawn(dataclasses.replace(evidence, detections=()))
    assert "No change flagged" in texts(layout)
    assert "numbered" not in texts(layout)


def test_radar_weaker_is_red_and_stronger_is_cyan(evidence: Evidence) -> None:
    pair = site_pair(evidence, RADAR_KEY)
    assert pair is not None
    image, layout = composite.composite(evidence, pair, RADAR_VV)
    shown = panel(np.asarray(image), layout, 2).astype(int)
    removed, built = CHANGES[1], CHANGES[2]

    def mean(rows: slice, cols: slice) -> NDArray[np.float64]:
        return shown[rows.start * K : rows.stop * K, cols.start * K : cols.stop * K].mean(axis=(0, 1))

    weaker, stronger = mean(removed.rows, removed.cols), mean(built.rows, built.cols)
    assert weaker[0] > weaker[1] + 40
    assert stronger[1] > stronger[0] + 40
    assert weaker[1] == weaker[2]
    assert stronger[1] == stronger[2]
    assert "mean of 2" in texts(layout)
    assert "weaker echo after" in texts(layout)


def test_without_optical_images_the_composite_is_radar(tmp_path: Path) -> None:
    names = [path.name for path in composite.write(make_evidence(optical=False), tmp_path, close_ups=1)]
    assert names == ["before.png", "after.png", "composite.png", "composite-web.png", "detection-01.png"]


def test_nothing_seen_writes_nothing(evidence: Evidence, tmp_path: Path) -> None:
    assert composite.write(dataclasses.replace(evidence, stacks={}, maps={}), tmp_path) == ()


@pytest.mark.parametrize("direction", [None, "ltr"])
def test_hostile_names_are_one_line_of_text(tmp_path: Path, direction: str | None) -> None:
    hostile = make_evidence(hostile=True)
    if direction is None:
        site = hostile.site.model_copy(update={"name": "\ud800\u202e\x00\n" + "🔥" * 300})
        hostile = dataclasses.replace(hostile, site=site)
    written = composite.write(hostile, tmp_path)
    assert all(path.is_relative_to(tmp_path) for path in written)
    assert len(written) == 10
    title = drawn(hostile)[1].texts[0][0]
    assert not any(character in title for character in "\ud800\u202e\x00\n\x7f")


def test_true_north_is_east_of_grid_north_east_of_the_central_meridian(evidence: Evidence) -> None:
    # convergence is (lon − lon0) · sin(lat): (40.309 − 39) · sin 35.336° = 0.757°, true north then lies west of up
    assert math.degrees(scenery.true_north(evidence)) == pytest.approx(-0.757, abs=0.01)
