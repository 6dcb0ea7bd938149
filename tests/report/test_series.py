from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.evidence import Evidence
from changedet.report import series
from tests.report.builders import BANDS, CHANGES, CLOUDED, OPTICAL_TIMES, make_evidence


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return make_evidence()


def days(moments: tuple[datetime, ...]) -> np.ndarray:
    return np.array([m.timestamp() / 86400 for m in moments])


def test_the_tank_is_measured_before_and_after(evidence: Evidence) -> None:
    optical, radar = series.measure(evidence, evidence.detections[0])
    change = CHANGES[0]
    before, after = (float(side[BANDS.index(optical.band)]) for side in (change.before, change.after))
    clear = np.isfinite(optical.inside)
    early = np.arange(len(OPTICAL_TIMES)) < change.first_after
    assert optical.inside[clear & early] == pytest.approx(before, abs=0.002)
    assert optical.inside[clear & ~early] == pytest.approx(after, abs=0.002)
    # speckle of 4.4 looks over 192 pixels: a standard error of 0.15 dB
    share = {"vv": 1.0, "vh": 0.18}[radar.band]
    assert radar.inside[0] == pytest.approx(10 * np.log10(share * change.gamma0[0]), abs=0.6)
    assert radar.inside[-1] == pytest.approx(10 * np.log10(share * change.gamma0[1]), abs=0.6)
    assert (optical.radar, radar.radar, radar.unit) == (False, True, f"{radar.band.upper()}, dB")


def test_a_date_counts_as_clouded_where_less_than_half_of_the_outline_is_clear(evidence: Evidence) -> None:
    # the tank lies in columns 24–39 of 121; clouds come from the west and hide 54, 121 and 36 columns
    assert {i: round(share * 121) for i, share in CLOUDED.items()} == {2: 54, 5: 121, 11: 36}
    first, second, _ = (series.measure(evidence, d)[0] for d in evidence.detections)
    assert np.flatnonzero(np.isnan(first.inside)).tolist() == [2, 5, 11]
    # the command installation lies in columns 70–83
    assert np.flatnonzero(np.isnan(second.inside)).tolist() == [5]
    assert (first.clouded, second.clouded) == (3, 1)


def test_the_baseline_is_the_mean_of_the_reference_period_alone() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(6) * np.timedelta64(30, "D")
    values = np.array([1.0, 2.0, 3.0, np.nan, 50.0, 60.0])
    expected, spread = series.baseline(times, values, np.array([1, 1, 1, 1, 0, 0], bool))
    assert expected == pytest.approx(2.0)
    assert spread == pytest.approx(1.4826)


def test_the_baseline_follows_the_season_where_a_year_allows_it() -> None:
    times = np.datetime64("2022-01-01", "ns") + np.arange(60) * np.timedelta64(20, "D")
    angle = 2 * np.pi * np.arange(60) * 20 / 365.25
    values = 0.3 + 0.1 * np.cos(angle) - 0.05 * np.sin(angle)
    expected, _ = series.baseline(times, values, np.arange(60) < 40)
    assert expected == pytest.approx(values, abs=1e-9)


def test_haze_over_the_place_and_its_surroundings_is_normal() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(8) * np.timedelta64(30, "D")
    haze = np.array([0.0, 0.02, 0.0, 0.05, 0.01, 0.0, 0.08, 0.0])
    around = 0.2 + haze
    inside = around + 0.1 + np.array([0.001, -0.001, 0.001, -0.001, 0.0, -0.2, -0.2, -0.2])
    around[7] = np.nan
    expected, spread = series.normal(times, inside, around, np.arange(8) < 5)
    assert expected[:7] == pytest.approx(0.3 + haze[:7], abs=1e-3)
    assert np.isnan(expected[7])
    assert spread < 0.002  # the place alone would give 0.015


def test_without_surroundings_the_place_is_its_own_measure() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(5) * np.timedelta64(30, "D")
    inside, nothing = np.array([0.1, 0.2, 0.3, 0.9, 0.9]), np.full(5, np.nan)
    before = np.arange(5) < 3
    expected, spread = series.normal(times, inside, nothing, before)
    assert expected == pytest.approx(0.2)
    assert spread == pytest.approx(0.14826)


def test_two_dates_make_no_normal_range() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(2) * np.timedelta64(30, "D")
    expected, spread = series.baseline(times, np.array([0.2, 0.6]), np.array([True, False]))
    assert expected.tolist() == [0.2, 0.2]
    assert np.isnan(spread)


@given(st.lists(st.integers(-500, 500).map(lambda n: n / 10), min_size=3, max_size=30), st.floats(-10, 10))
def test_the_baseline_moves_with_the_values(values: list[float], shift: float) -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(len(values)) * np.timedelta64(5, "D")
    before = np.ones(len(values), bool)
    plain, spread = series.baseline(times, np.array(values), before)
    moved, same = series.baseline(times, np.array(values) + shift, before)
    assert moved == pytest.approx(plain + shift, abs=1e-6)
    assert same == pytest.approx(spread, abs=1e-6)


def test_the_onset_bracket_stands_at_its_dates(evidence: Evidence) -> None:
    measured = series.measure(evidence, evidence.detections[0])[0]
    svg = series.draw(measured)
    found = re.search(r'd="M ([\d.]+) [^"]*"[^>]*style="fill: #b8460b; opacity: 0.22"', svg)
    assert found is not None
    xs = sorted({float(x) for x in re.findall(r"[ML] ([\d.]+)", found[0])})
    box = re.search(r'viewBox="0 0 ([\d.]+)', svg)
    assert box is not None
    width = float(box[1])
    times = days(OPTICAL_TIMES)
    left, span = times[0] - 0.02 * np.ptp(times), 1.04 * np.ptp(times)
    wanted = [width * (0.1 + 0.89 * (t - left) / span) for t in times[[5, 6]]]
    assert xs == pytest.approx(wanted, abs=0.2)


def test_each_clear_date_has_a_dot_and_each_clouded_one_a_cross(evidence: Evidence) -> None:
    svg = series.draw(series.measure(evidence, evidence.detections[0])[0])
    axes = ET.fromstring(svg)
    groups = [g for g in axes.iter() if g.tag.endswith("}g") and (g.get("id") or "").startswith("line2d")]
    marks = [sum(1 for e in g.iter() if e.tag.endswith("}use")) for g in groups]
    assert 9 in marks
    assert 3 in marks


def test_the_same_values_give_the_same_drawing(evidence: Evidence) -> None:
    measured = series.measure(evidence, evidence.detections[1])[1]
    assert series.draw(measured) == series.draw(replace(measured))
    assert "SIMULATED" in series.draw(measured, simulated=True)
    assert "SIMULATED" not in series.draw(measured)


def test_a_themed_drawing_is_xml_and_names_no_colour_outside_its_style(evidence: Evidence) -> None:
    svg = series.themed(series.draw(series.measure(evidence, evidence.detections[0])[0]))
    ET.fromstring(svg)
    head, _, body = svg.partition("</style>")
    assert "prefers-color-scheme:dark" in head
    assert not any(colour in body for colour in series.DARK)


def test_a_place_that_was_never_clear_is_drawn_without_measurements(evidence: Evidence) -> None:
    measured = series.measure(evidence, evidence.detections[0])[0]
    hidden = replace(measured, inside=np.full_like(measured.inside, np.nan), spread=np.nan)
    ET.fromstring(series.draw(hidden))
    assert "12 of them clouded here" in hidden.summary()


def test_the_histogram_draws_every_bar() -> None:
    svg = series.histogram([0, 1, 2, 3], [5, 0, 2], 2.5, "statistic")
    assert svg.count("fill: #d3e0ea") == 3
    ET.fromstring(svg)


def test_no_name_of_a_user_stands_in_a_drawing() -> None:
    """Nothing in an SVG can be told by a file or a site: the same drawing with plain names and with hostile ones."""
    plain, hostile = (make_evidence(hostile=hostile) for hostile in (False, True))
    for mine, theirs in zip(plain.detections, hostile.detections, strict=True):
        drawn = [
            [series.themed(series.draw(s, simulated=True)) for s in series.measure(evidence, detection)]
            for evidence, detection in ((plain, mine), (hostile, theirs))
        ]
        assert drawn[0] == drawn[1]
        for svg in drawn[1]:
            assert not [
                e.tag for e in ET.fromstring(svg).iter() if e.tag.rpartition("}")[2] in ("script", "a", "image")
            ]


def test_hostile_words_are_text_in_a_drawing() -> None:
    words = "<script>alert(1)</script> \u202e & ]]> \"'"
    svg = ET.fromstring(series.themed(series.histogram([0, 1], [1], None, words)))
    assert not [e for e in svg.iter() if e.tag.lower().endswith("script")]
    assert words in [e.text for e in svg.iter()]
