from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from changedet.evidence import Evidence
from changedet.report import timelapse
from changedet.report.pictures import YELLOW
from changedet.report.timelapse import VERMILLION

from .builders import CHANGES, OPTICAL_KEY, RADAR_KEY, make_evidence

CLEAR = (0, 1, 3, 4, 6, 7, 8, 9, 10)
"""Optical dates that the builder does not cloud."""


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return make_evidence()


@pytest.fixture(scope="module")
def folder(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timelapse")
    timelapse.write(evidence, folder)
    return folder


def frames(path: Path) -> list[NDArray[np.uint8]]:
    with Image.open(path) as image:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]


def near(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=-1) < 12).sum())


@pytest.mark.parametrize("name", ["timelapse.gif", "timelapse.webp"])
def test_a_frame_a_clear_date(folder: Path, name: str) -> None:
    found = frames(folder / name)
    assert len(found) == len(CLEAR)
    assert max(found[0].shape[1], 121 * 3) == 121 * 3  # 3 × is the whole zoom within 480 points
    assert (folder / name).stat().st_size < 1_000_000


def test_the_last_frame_stays_and_it_runs_for_ever(folder: Path) -> None:
    with Image.open(folder / "timelapse.gif") as image:
        assert image.info["loop"] == 0
        times = []
        for frame in ImageSequence.Iterator(image):
            times.append(frame.info["duration"])
    assert times[-1] > 4 * times[0]


def test_outlines_appear_with_the_first_image_after(folder: Path, evidence: Evidence) -> None:
    film = timelapse.plan(evidence)
    assert film is not None
    assert film.frames == CLEAR
    shown = frames(folder / "timelapse.gif")
    for number, position in enumerate(CLEAR):
        picture = shown[number][: 121 * 3]
        for change in CHANGES:
            rows = slice(change.rows.start * 3 - 9, change.rows.stop * 3 + 9)
            cols = slice(change.cols.start * 3 - 9, change.cols.stop * 3 + 9)
            outlined = near(picture[rows, cols], YELLOW) > 50
            assert outlined == (position >= change.first_after)


def test_the_event_is_marked_on_each_frame(folder: Path) -> None:
    for picture in frames(folder / "timelapse.gif"):
        assert near(picture[121 * 3 :], VERMILLION) > 200


def test_the_mark_moves_from_left_to_right(folder: Path) -> None:
    columns = []
    for picture in frames(folder / "timelapse.gif"):
        mark = (np.abs(picture[121 * 3 :].astype(int) - YELLOW).max(axis=-1) < 12).any(axis=0)
        columns.append(float(np.flatnonzero(mark).mean()))
    assert columns == sorted(columns)
    assert columns[0] < 20
    assert columns[-1] > 340


def test_simulated_is_on_each_frame(folder: Path) -> None:
    assert all(near(picture[:20, -95:], YELLOW) > 100 for picture in frames(folder / "timelapse.gif"))


def test_same_evidence_same_bytes(folder: Path, tmp_path: Path) -> None:
    for path in timelapse.write(make_evidence(), tmp_path):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_thinning_keeps_ends_and_the_dates_next_to_the_change() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(200) * np.timedelta64(5, "D")
    bracket = (times[83], times[131])
    kept = timelapse.thin(times, np.arange(200), bracket, 60)
    assert len(kept) <= 60
    assert {0, 83, 131, 199} <= set(kept)
    assert max(np.diff(kept)) <= 5  # 200 dates in 60 frames: no gap of more than a few


def test_few_dates_are_all_kept() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(5) * np.timedelta64(5, "D")
    assert timelapse.thin(times, np.array([0, 2, 4]), None, 60) == (0, 2, 4)


def test_radar_where_no_optical_date_is_clear(evidence: Evidence) -> None:
    stack = evidence.stacks[OPTICAL_KEY].copy(deep=True)
    stack.valid.values[:, :, 60:] = False
    stack.valid.values[0, :, 60:] = True
    film = timelapse.plan(dataclasses.replace(evidence, stacks={**evidence.stacks, OPTICAL_KEY: stack}))
    assert film is not None
    assert film.view.pair.key == RADAR_KEY


def test_no_two_clear_dates_no_file(evidence: Evidence, tmp_path: Path) -> None:
    stack = evidence.stacks[OPTICAL_KEY].isel(time=[0])
    assert timelapse.write(dataclasses.replace(evidence, stacks={OPTICAL_KEY: stack}), tmp_path) == ()


def test_hostile_names_and_no_detections(tmp_path: Path) -> None:
    hostile = dataclasses.replace(make_evidence(hostile=True), detections=())
    assert len(timelapse.write(hostile, tmp_path, most=3)) == 2
    assert len(frames(tmp_path / "timelapse.gif")) == 3
