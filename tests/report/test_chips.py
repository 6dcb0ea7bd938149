from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report import chips
from changedet.report.pictures import YELLOW

from .builders import CHANGES, make_evidence


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return make_evidence()


def at(evidence: Evidence, west: float, south: float, side: float) -> Detection:
    ring = [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    return dataclasses.replace(evidence.detections[0], polygon={"type": "Polygon", "coordinates": [ring]})


def test_the_window_holds_the_detection_and_is_enlarged_4_to_8_times(evidence: Evidence) -> None:
    for detection, change in zip(evidence.detections, CHANGES, strict=True):
        (rows, cols), zoom = chips.chip_window(evidence, detection)
        assert rows.start <= change.rows.start < change.rows.stop <= rows.stop
        assert cols.start <= change.cols.start < change.cols.stop <= cols.stop
        assert 4 <= zoom.enlarge <= 8


def test_a_window_at_the_edge_moves_inside(evidence: Evidence) -> None:
    west, south, _, _ = evidence.site.bbox
    (rows, cols), _ = chips.chip_window(evidence, at(evidence, west, south, 0.0002))
    assert rows.stop == 121
    assert cols.start == 0
    assert rows.stop - rows.start == cols.stop - cols.start == chips.FEWEST


def test_a_detection_as_large_as_the_site_still_fits(evidence: Evidence) -> None:
    west, south, east, _ = evidence.site.bbox
    (rows, cols), zoom = chips.chip_window(evidence, at(evidence, west, south, east - west))
    assert (rows, cols) == (slice(0, 121), slice(0, 121))
    assert zoom.enlarge == 4


def test_every_pixel_is_one_square(evidence: Evidence) -> None:
    found = chips.close_up(evidence, evidence.detections[0], {})
    assert found is not None
    picture, layout = np.asarray(found[0]), found[1]
    left, top, right, bottom = layout.panels[0]
    k = chips.chip_window(evidence, evidence.detections[0])[1].enlarge
    shown = picture[top + 5 * k : bottom, left:right]  # below the notice
    squares = shown.reshape(shown.shape[0] // k, k, shown.shape[1] // k, k, 3)
    assert (squares == squares[:, :1, :, :1]).all()


def test_the_words_and_the_number(evidence: Evidence) -> None:
    found = chips.close_up(evidence, evidence.detections[1], {})
    assert found is not None
    words = "\n".join(text for text, _ in found[1].texts)
    for text in (
        "2. Command installation",
        "consistent with a structure removed",
        "1.1 ha",
        "11 Mar 2025",
        "26 Mar 2025",
    ):
        assert text in words
    left, top, right, bottom = found[1].panels[2]
    assert (np.asarray(found[0])[top:bottom, left:right] == YELLOW).all(axis=-1).sum() > 300


def test_at_most_so_many(evidence: Evidence, tmp_path: Path) -> None:
    assert [path.name for path in chips.write(evidence, tmp_path, most=2)] == ["detection-01.png", "detection-02.png"]


def test_without_detections_no_folder(evidence: Evidence, tmp_path: Path) -> None:
    assert chips.write(dataclasses.replace(evidence, detections=()), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []
