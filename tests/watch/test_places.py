"""From looks to places: reported once, confirmed by another acquisition, taken back."""

from __future__ import annotations

from changedet.watch.places import changes, fold
from changedet.watch.records import Look, Rules
from tests.watch.builders import look, sighting


def states(*looks: Look) -> list[list[str]]:
    """By place, the states it came into."""
    return [[entry.state for entry in place.history] for place in fold(looks).places]


def test_a_place_is_reported_once_however_often_it_is_seen() -> None:
    looks = [look(n, sighting(scenes=("s1",))) for n in (1, 2, 3)]
    assert states(*looks) == [["provisional"]]


def test_a_place_beyond_the_budget_is_not_reported() -> None:
    # 0.01 false alarms over 10 pieces: p must be at most 0.001
    assert states(look(1, sighting(p=0.0011))) == []
    assert states(look(1, sighting(p=0.0009))) == [["provisional"]]


def test_what_no_acquisition_shows_by_itself_is_not_reported() -> None:
    assert states(look(1, sighting(scenes=()))) == []


def test_a_further_acquisition_that_shows_it_confirms() -> None:
    seen = look(2, sighting(x=0.2, scenes=("s1", "s2")))
    assert states(look(1, sighting(scenes=("s1",))), seen) == [["provisional", "confirmed"]]


def test_the_other_sensor_confirms() -> None:
    radar = look(2, sighting(scenes=("s1", "r7")), stack="sentinel-1-orbit-116", scenes=("r7",))
    ledger = fold([look(1, sighting(scenes=("s1",))), radar])
    assert ledger.places[0].state == "confirmed"
    assert "sentinel-1-orbit-116" in ledger.places[0].history[-1].reason


def test_two_clear_acquisitions_without_it_withdraw_it_and_clouds_do_not() -> None:
    raised = look(1, sighting())
    place = fold([raised]).places[0].id
    clouded = look(2, views={place: 0.2})
    missing = [look(n, views={place: 0.9}) for n in (3, 4)]
    assert states(raised, clouded, missing[0]) == [["provisional"]]
    assert states(raised, clouded, *missing) == [["provisional", "withdrawn"]]


def test_a_look_that_was_not_used_says_nothing_against_a_place() -> None:
    raised = look(1, sighting())
    place = fold([raised]).places[0].id
    assert states(raised, *(look(n, views={place: 1.0}, used=False) for n in (2, 3, 4))) == [["provisional"]]


def test_what_nothing_confirms_in_time_is_withdrawn() -> None:
    rules = Rules(confirm_days=20)
    looks = [look(n, sighting(scenes=("s1",)), rules=rules) for n in range(1, 8)]
    assert states(*looks) == [["provisional", "withdrawn"], ["provisional"]]
    place = fold(looks).places[0]
    assert (place.history[-1].time - place.raised).days > 20


def test_a_second_place_beside_the_first_is_another() -> None:
    both = look(2, sighting(scenes=("s1", "s2")), sighting(x=3))
    assert states(look(1, sighting(scenes=("s1",))), both) == [["provisional", "confirmed"], ["provisional"]]


def test_two_places_that_grow_together_stay_two_and_make_no_third() -> None:
    wide = sighting(x=0.5, scenes=("s1", "s2"))
    looks = [look(1, sighting(x=0), sighting(x=1.1)), look(2, wide)]
    assert [s[-1] for s in states(*looks)] == ["confirmed", "confirmed"]


def test_ground_that_changed_before_the_window_may_be_reported_again() -> None:
    rules = Rules(window_days=20)
    first = [look(1, sighting(), rules=rules), look(2, sighting(scenes=("s2",)), rules=rules)]
    quiet = [look(n, rules=rules) for n in range(3, 9)]
    assert states(*first, *quiet, look(9, sighting(), rules=rules)) == [
        ["provisional", "confirmed"],
        ["provisional"],
    ]


def test_changes_are_those_of_one_look() -> None:
    looks = [look(1, sighting(scenes=("s1",))), look(2, sighting(scenes=("s2",)), sighting(x=5))]
    ledger = fold(looks)
    assert [entry.state for _, entry in changes(ledger, 1)] == ["provisional"]
    assert sorted(entry.state for _, entry in changes(ledger, 2)) == ["confirmed", "provisional"]


def test_the_fold_of_the_same_looks_is_the_same() -> None:
    looks = [look(n, sighting(scenes=(f"s{n}",))) for n in (1, 2, 3)]
    assert fold(looks) == fold(look.model_copy() for look in looks)
