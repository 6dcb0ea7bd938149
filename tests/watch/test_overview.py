"""The page of an archive as text; ``tests/browser/test_overview.py`` opens it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from changedet.watch.ledger import Summary
from changedet.watch.overview import html, write_overview
from changedet.watch.status import Checked
from changedet.watch.worldmap import world_map
from tests.watch.builders import look, sighting, summary

NOW = datetime(2024, 3, 1, tzinfo=UTC)


def changed(**more: Any) -> Summary:
    looks = [look(1, sighting(zone="Tank 7"), run="r1", **more), look(2, sighting(scenes=("s2",)), run="r2", **more)]
    return summary(*looks)


def test_an_empty_archive_says_so() -> None:
    assert "Nothing has been looked at yet." in html([], [])


def test_a_row_says_state_dates_and_where_to_read_on() -> None:
    text = html([changed()], [])
    assert "1 of 1 site shows change." in text
    assert "Change confirmed" in text
    assert '<a href="tiny/r2/report.html#place-1">10,000 m², consistent with a structure removed' in text
    assert "first seen 6 Jan 2024" in text
    assert "11 Jan 2024, 08:00 UTC" in text


def test_quiet_sites_and_those_that_failed_are_not_the_same() -> None:
    quiet = summary(look(1, site="quiet", title="Quiet"))
    bad = Checked(file="bad.yaml", time=NOW, code=2, problem="bad.yaml:1: id: is missing")
    text = html([quiet], [bad])
    assert "No change found at 1 site; 1 could not be checked in full." in text
    assert "bad.yaml:1: id: is missing" in text


def test_names_are_text() -> None:
    nasty = summary(look(1, site="x", title="<script>alert(1)</script>"))
    text = html([nasty], [])
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_simulated_data_is_marked() -> None:
    assert "SIMULATED" in html([changed(simulated=True)], [])
    assert "SIMULATED" not in html([changed()], [])


def test_a_page_that_says_nothing_new_is_not_touched(tmp_path: Path) -> None:
    write_overview(tmp_path, [], [])
    before = (tmp_path / "index.html").stat().st_mtime_ns
    write_overview(tmp_path, [], [])
    assert (tmp_path / "index.html").stat().st_mtime_ns == before


def test_no_address_but_its_own_folder() -> None:
    text = html([changed()], [])
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", text) == []


def test_north_is_up_and_east_is_right() -> None:
    atlas = world_map({"sw": (30.0, 10.0), "ne": (40.0, 20.0)})
    assert atlas.spots["sw"].x < atlas.spots["ne"].x
    assert atlas.spots["sw"].y > atlas.spots["ne"].y
    assert {"30° E", "40° E"} <= {line.label for line in atlas.meridians}


def test_a_degree_is_as_long_on_the_map_as_on_the_ground() -> None:
    # at 60° north a degree of longitude is half as long as one of latitude
    atlas = world_map({"a": (10.0, 60.0), "b": (12.0, 60.0), "c": (10.0, 61.0), "d": (10.0, 59.0)})
    east = atlas.spots["b"].x - atlas.spots["a"].x
    north = atlas.spots["a"].y - atlas.spots["c"].y
    assert 0.95 < east / north < 1.05


def test_one_site_has_a_map_too() -> None:
    atlas = world_map({"one": (40.3, 35.3)})
    assert abs(atlas.spots["one"].x - atlas.width / 2) < 1
    assert abs(atlas.spots["one"].y - atlas.height / 2) < 1
