from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.regions import Onset
from changedet.report import words


def test_a_date_names_its_month_and_its_zone() -> None:
    moment = datetime(2025, 3, 4, 8, 5, tzinfo=UTC)
    assert words.day(moment) == "4 Mar 2025"
    assert words.instant(moment) == "4 Mar 2025, 08:05 UTC"
    assert words.instant(moment.replace(hour=0, minute=0, second=0)) == "4 Mar 2025 UTC"


@pytest.mark.parametrize(
    ("lonlat", "said"),
    [
        ((40.30944, 35.33611), "35.33611° N, 40.30944° E"),
        ((-70.5, -33.25), "33.25000° S, 70.50000° W"),
    ],
)
def test_a_place_is_said_latitude_first(lonlat: tuple[float, float], said: str) -> None:
    assert words.place(lonlat) == said


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0004, "fewer than 1 in 1,000 unchanged places (p < 0.001)"),
        (0.004, "about 1 in 250 unchanged places (p = 0.004)"),
        (0.05, "about 1 in 20 unchanged places (p = 0.05)"),
        (0.7, "most unchanged places (p = 0.70)"),
        (float("nan"), "not measured"),
        (None, "not measured"),
    ],
)
def test_a_p_value_is_said_as_a_count(p: float | None, said: str) -> None:
    assert words.chance(p).endswith(said)


@pytest.mark.parametrize(
    ("size", "said"), [(2400, "2,400 m²"), (19_200, "1.9 ha"), (3_140_000, "3.1 km²"), (9_999, "9,999 m²")]
)
def test_areas(size: float, said: str) -> None:
    assert words.area(size) == said


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.01, "1 %"),
        (0.9934, "99.3 %"),
        (0.9999, "more than 99.9 %"),
        (1e-5, "less than 0.1 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: float, said: str) -> None:
    assert words.share(part) == said


@given(st.floats(0, 1))
def test_only_all_is_called_all(part: float) -> None:
    assert (words.share(part) == "100 %") == (part == 1)
    assert (words.share(part) == "0 %") == (part == 0)


def test_brackets_say_what_is_known() -> None:
    first, last = datetime(2025, 2, 14, tzinfo=UTC), datetime(2025, 3, 11, tzinfo=UTC)
    assert words.bracket(Onset(first, last)) == "after 14 Feb 2025 and by 11 Mar 2025"
    assert words.bracket(Onset(None, last)) == "by 11 Mar 2025"
    assert words.bracket(Onset(first, None)) == "after 14 Feb 2025"
    assert "do not fix" in words.bracket(Onset(None, None))


def test_directions_have_signs_and_units() -> None:
    assert words.direction("sentinel-2", {"red": -0.2, "nir": -0.05}) == "darker (red −0.200, near infrared −0.050)"
    assert words.direction("sentinel-1-orbit-137", {"vv": 4.25, "vh": 3.0}) == "stronger echo (VV +4.2 dB, VH +3.0 dB)"
    assert words.direction("sentinel-2", {"red": float("nan")}) == "not measured"


def test_an_effect_within_what_images_differ_by_has_no_direction() -> None:
    bands = {"vv": 0.1, "vh": -0.1}
    assert words.direction("sentinel-1-orbit-137", bands) == "echo hardly changed (VV +0.1 dB, VH −0.1 dB)"
    assert words.direction("sentinel-2", {"red": 0.004}) == "hardly changed (red +0.004)"
    assert words.direction("sentinel-1-orbit-137", {"vv": 3.0, "vh": -3.5}).startswith("weaker echo")


def test_an_address_keeps_no_token() -> None:
    href = "https://user:secret@host.example/a/b.tif?sig=TOKEN&se=2025#frag"
    assert words.public_href(href) == "https://host.example/a/b.tif"
    assert words.public_path("/home/someone/archive/2025/b.tif") == "2025/b.tif"
    assert words.public_path("file:///home/someone/archive/2025/b.tif") == "2025/b.tif"


def test_figures_and_dates_do_not_break() -> None:
    assert words.tight("after 14 Feb 2025 (p = 0.05), 1.9 ha") == (
        "after 14\u00a0Feb\u00a02025 (p\u00a0=\u00a00.05), 1.9\u00a0ha"
    )


@given(st.text())
def test_cleaned_text_holds_no_control_character(text: str) -> None:
    cleaned = words.clean(text)
    assert len(cleaned) == len(text)
    assert all(c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") for c in cleaned)
