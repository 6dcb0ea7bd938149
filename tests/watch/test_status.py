"""What is known of each site, for people, programs and Prometheus."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from changedet.errors import InputError
from changedet.watch.asked import moment, span, status_lines
from changedet.watch.ledger import write_look
from changedet.watch.status import Checked, Pass, age, status, statuses, summaries, write_metrics, write_pass
from tests.watch.builders import look, sighting, summary

NOW = datetime(2024, 3, 1, tzinfo=UTC)
CHECKED = (
    Checked(file="tiny.yaml", time=NOW, site="tiny", title="Tiny site"),
    Checked(file="bad.yaml", time=NOW, code=2, problem="bad.yaml:1: id: is missing"),
    Checked(file="new.yaml", time=NOW, site="new", title="New site"),
)


def archive(folder: Path) -> Path:
    for one in (look(1, sighting()), look(2, sighting(scenes=("s2",))), look(3, used=False, reason="clouds")):
        write_look(folder / "tiny", one)
    write_pass(folder, Pass(started=NOW, ended=NOW + timedelta(seconds=90), pending=2, sites=CHECKED))
    return folder


def test_each_site_has_its_state_and_its_ages(tmp_path: Path) -> None:
    rows = {row.site: row for row in status(archive(tmp_path))}
    assert {site: row.state for site, row in rows.items()} == {
        "tiny": "confirmed",
        "bad.yaml": "failed",
        "new": "never looked at",
    }
    tiny = rows["tiny"]
    assert tiny.last_image == datetime(2024, 1, 16, 8, tzinfo=UTC)
    assert tiny.last_clear == datetime(2024, 1, 11, 8, tzinfo=UTC)
    assert tiny.last_change == datetime(2024, 1, 6, 8, tzinfo=UTC)
    assert dict(tiny.places) == {"provisional": 0, "confirmed": 1, "withdrawn": 0}


def test_a_table_for_people(tmp_path: Path) -> None:
    lines = status_lines(status(archive(tmp_path)))
    assert lines[0].split("  ")[0] == "site"
    assert any(line.startswith("tiny") and "confirmed" in line for line in lines)
    assert "    bad.yaml:1: id: is missing" in lines


def test_a_damaged_site_does_not_hide_the_others(tmp_path: Path) -> None:
    archive(tmp_path)
    (tmp_path / "other" / "looks").mkdir(parents=True)
    (tmp_path / "other" / "looks" / "00001-x.json").write_text("{")
    assert [one.site for one in summaries(tmp_path)] == ["tiny"]


def test_figures_for_prometheus(tmp_path: Path) -> None:
    known = [summary(look(1, sighting(), site='od"d\\name'))]
    path = tmp_path / "changedet.prom"
    write_metrics(path, Pass(started=NOW, ended=NOW + timedelta(seconds=90), pending=2, sites=CHECKED), known)
    text = path.read_text()
    sample = re.compile(r'^changedet_[a-z_]+(\{(\w+="([^"\\\n]|\\.)*",?)+\})? [-+0-9.e]+$')
    assert all(line.startswith("# ") or sample.match(line) for line in text.splitlines())
    assert "changedet_pass_seconds 90" in text
    assert "changedet_alerts_pending 2" in text
    assert r'changedet_places{site="od\"d\\name",state="provisional"} 1' in text
    assert 'changedet_site_failed{site="bad.yaml"} 1' in text


def test_no_archive_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        status(tmp_path / "gone")


def test_a_site_that_closed_its_places_is_quiet_again() -> None:
    (row,) = statuses([summary(look(1, sighting()), look(2, day=400))], ())
    assert row.state == "quiet"


@pytest.mark.parametrize(
    ("hours", "told"), [(2, "2 h ago"), (24 * 3, "3 d ago"), (24 * 200, "14 Aug 2023"), (None, "never")]
)
def test_ages_read_well(hours: float | None, told: str) -> None:
    assert age(None if hours is None else NOW - timedelta(hours=hours), NOW) == told


def test_spans_and_instants_as_people_write_them() -> None:
    assert span("6h") == timedelta(hours=6)
    assert span("30 m") == timedelta(minutes=30)
    assert moment("2024-06-30") == datetime(2024, 7, 1, tzinfo=UTC)
    assert moment("2024-06-30T12:00:00Z") == datetime(2024, 6, 30, 12, tzinfo=UTC)
    for bad in ("6", "0h", "h", "6 weeks"):
        with pytest.raises(InputError, match="such as 6h"):
            span(bad)
    with pytest.raises(InputError, match="such as 2024-06-30"):
        moment("yesterday")
