from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from changedet.report import pictures
from changedet.report.pictures import HALO, YELLOW, Pen


@given(st.floats(0.5, 5e5))
def test_a_round_length_fits_and_is_the_longest(metres: float) -> None:
    length = pictures.round_length(metres)
    digits = f"{length:e}".split("e")[0]
    assert float(digits) in (1.0, 2.0, 5.0)
    assert length <= metres * (1 + 1e-9) < 2.5 * length * (1 + 1e-9)


@pytest.mark.parametrize(("metres", "words"), [(50, "50 m"), (500, "500 m"), (1000, "1 km"), (20000, "20 km")])
def test_lengths_in_words(metres: float, words: str) -> None:
    assert pictures.length_words(metres) == words


@given(st.text(max_size=80), st.integers(20, 400))
def test_text_fits_and_steers_nothing(text: str, width: int) -> None:
    face = pictures.font(14)
    fitted = pictures.fit(text, face, width)
    assert face.getlength(fitted) <= width
    assert not any(ord(character) < 32 or character in "\u202e\u200f" for character in fitted)


@given(st.lists(st.text("abc ", max_size=12), max_size=12), st.integers(1, 4))
def test_wrapping_keeps_the_words_in_order(words: list[str], most: int) -> None:
    text = pictures.printable(" ".join(words))
    lines = pictures.wrap(text, pictures.font(12), 5000, most)
    assert len(lines) <= most
    assert " ".join(lines) == text


def test_hatching_covers_only_what_is_hidden() -> None:
    picture = np.full((40, 60, 3), 77, np.uint8)
    hidden = np.zeros((40, 60), bool)
    hidden[:20] = True
    pictures.cover(picture, hidden, 8)
    assert (picture[20:] == 77).all()
    assert set(np.unique(picture[:20])) == {pictures.GREY, pictures.GREY_LINE}


def test_enlarging_repeats() -> None:
    assert pictures.enlarge(np.array([[1, 2]]), 2).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_a_line_lies_between_dark_ones_outside_of_the_shape() -> None:
    image = Image.new("RGB", (100, 100), (120, 120, 120))
    pictures.outline(image, shapely.box(30, 30, 70, 70), Pen(width=4, halo=2, gap=1))
    row = np.asarray(image)[50]
    assert (row[30:70] == 120).all()
    assert (row[69 + 2] == HALO).all()  # the gap is column 70
    assert (row[74] == YELLOW).all()
    assert (row[78] == HALO).all()
    assert (row[80:] == 120).all()


def test_a_hole_is_outlined_too() -> None:
    image = Image.new("RGB", (120, 120), (120, 120, 120))
    shape = shapely.box(10, 10, 110, 110).difference(shapely.box(40, 40, 80, 80))
    pictures.outline(image, shape, Pen(width=4, halo=2, gap=1))
    pixels = np.asarray(image)
    assert (pixels[60, 60] == 120).all()
    assert (pixels[60, 40:50] == YELLOW).all(axis=-1).any()
    assert (pixels[60, 82:108] == 120).all()


def test_an_outline_beyond_the_picture_is_no_error() -> None:
    image = Image.new("RGB", (50, 50))
    pictures.outline(image, shapely.box(100, 100, 120, 120), Pen(2, 1))
    assert not np.asarray(image).any()


def test_numbers_do_not_cover_each_other() -> None:
    image = Image.new("RGB", (400, 400))
    shapes = [(i + 1, shapely.box(x, y, x + 6, y + 6)) for i, (x, y) in enumerate(np.ndindex(6, 6))]
    shapes += [(50, shapely.box(300, 300, 320, 320))]
    placed = pictures.number_labels(image, shapes, 16)
    boxes = [shapely.box(*box) for _, box in placed]
    assert 50 in [number for number, _ in placed]
    assert all(not a.intersects(b) or a.touches(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(b.bounds[0] >= 0 and b.bounds[2] <= 400 for b in boxes)
