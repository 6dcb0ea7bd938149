"""What can be asked for, and the calendar that follows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from changedet.errors import InputError
from changedet.simulate import Event, Simulation, tank
from changedet.simulate.layout import greenness
from changedet.simulate.scenario import moisture, optical_passes, radar_passes


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"months": 0}, "months"),
        ({"size_m": 1001}, "size_m"),
        ({"revisit_days": 7}, "revisit_days"),
        ({"cloud_share": 1.2}, "cloud_share"),
        ({"center": (10.0, 50.0)}, "center"),
        ({"events": (Event("e", "E", "demolish", ("no-such",), date(2022, 1, 1)),)}, "no-such"),
    ],
)
def test_what_cannot_be_simulated_is_named(values: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        Simulation(**values)


def test_events_follow_the_reference_period() -> None:
    simulation = Simulation()
    assert simulation.before.first == date(2021, 2, 1)
    assert simulation.before.last == date(2022, 5, 31)
    assert simulation.after.last == date(2023, 1, 31)
    days = [event.on for event in simulation.all_events]
    assert len(days) == len(set(days)) == 4
    assert all(simulation.after.first < day < simulation.after.last for day in days)


def test_many_dates_follow_the_last_event() -> None:
    simulation = Simulation()
    last = max(event.on for event in simulation.all_events)
    assert sum(p.time.date() >= last for p in optical_passes(simulation)) >= 10
    assert all(sum(p.time.date() >= last for p in track) >= 10 for track in radar_passes(simulation))


def test_optical_calendar() -> None:
    passes = optical_passes(Simulation())
    gaps = {(b.time - a.time).days for a, b in pairwise(passes)}
    assert 70 <= len(passes) <= 80
    assert gaps <= {5, 10, 15}
    assert {p.platform for p in passes} == {"sentinel-2a", "sentinel-2b"}


def test_baseline_changes_halfway() -> None:
    passes = optical_passes(Simulation())
    assert [p.baseline for p in passes] == sorted(p.baseline for p in passes)
    assert all((p.baseline == "04.00") == (p.time.date() >= date(2022, 2, 1)) for p in passes)


def test_radar_calendar() -> None:
    tracks = radar_passes(Simulation())
    assert {(p.relative_orbit, p.direction) for track in tracks for p in track} == {
        (116, "ascending"),
        (123, "descending"),
    }
    for track in tracks:
        assert len(track) >= 55
        assert {b.time - a.time for a, b in pairwise(track)} == {timedelta(days=12)}


def test_soil_dries_by_e_in_three_days() -> None:
    fell = datetime(2022, 1, 1, tzinfo=UTC)
    rain = ((fell, 0.8),)
    assert moisture(rain, fell - timedelta(hours=1)) == 0
    assert moisture(rain, fell) == pytest.approx(0.8)
    assert moisture(rain, fell + timedelta(days=3)) == pytest.approx(0.8 / 2.71828, rel=1e-4)


@pytest.mark.parametrize(("crop", "green", "bare"), [("wheat", 110, 200), ("cotton", 230, 320)])
def test_crops_stand_and_fall(crop: str, green: int, bare: int) -> None:
    assert greenness(crop, green) > 0.7
    assert greenness(crop, bare) < 0.05


def test_an_early_harvest_comes_early() -> None:
    assert greenness("cotton", 262) > 0.6
    assert greenness("cotton", 262, early=12) < 0.1


def test_own_objects() -> None:
    one = tank("t", (30.0, -40.0), 20.0)
    simulation = Simulation(structures=(one,))
    assert simulation.all_events == ()
    event = Event("e", "E", "demolish", ("t",), date(2022, 7, 1))
    assert event.kind == "structure removed"
    # a disc of radius 10 + 5 m
    assert event.outline((one,)).area == pytest.approx(3.1416 * 15**2, rel=0.01)
