from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.report.plain import iso, json_bytes, plain


@dataclass(frozen=True)
class Point:
    x: float
    when: datetime


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2025, 3, 1, 8, 6, tzinfo=UTC), "2025-03-01T08:06:00Z"),
        (datetime(2025, 3, 1, 11, 6, tzinfo=timezone(timedelta(hours=3))), "2025-03-01T08:06:00Z"),
        (datetime(2025, 3, 1, 8, 6, 0, 24000), "2025-03-01T08:06:00.024000Z"),
    ],
)
def test_times_are_utc_with_a_z(moment: datetime, text: str) -> None:
    assert iso(moment) == text


def test_values_become_what_json_knows() -> None:
    value = {
        "point": Point(math.nan, datetime(2025, 1, 1, tzinfo=UTC)),
        "day": date(2025, 1, 2),
        "path": Path("a") / "b",
        "numpy": np.float32(0.5),
        "array": np.array([[1, 2], [3, 4]]),
        "set": {"b", "a"},
        3: (True, None, math.inf),
    }
    assert plain(value) == {
        "point": {"x": None, "when": "2025-01-01T00:00:00Z"},
        "day": "2025-01-02",
        "path": "a/b",
        "numpy": 0.5,
        "array": [[1, 2], [3, 4]],
        "set": ["a", "b"],
        "3": [True, None, None],
    }


def test_numbers_that_are_not_finite_can_be_kept_as_words() -> None:
    assert plain([math.nan, math.inf, -math.inf], exact=True) == ["NaN", "Infinity", "-Infinity"]


def test_a_pair_of_numbers_stays_on_one_line_and_texts_are_left_alone() -> None:
    text = json_bytes({"ring": [[1.5, -2e-07], [3, 4]], "note": "[\n 1,\n 2\n]"}).decode()
    assert "[1.5, -2e-07]" in text
    assert json.loads(text) == {"ring": [[1.5, -2e-07], [3, 4]], "note": "[\n 1,\n 2\n]"}


def test_half_a_surrogate_is_replaced_for_no_utf8_file_can_hold_it() -> None:
    assert json.loads(json_bytes({"name": "a\ud800b"})) == {"name": "a?b"}


@given(
    st.recursive(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.integers() | st.booleans(), st.lists)
)
def test_whatever_json_can_hold_comes_back(value: object) -> None:
    assert json.loads(json_bytes(value)) == value
