from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from changedet.evidence import Evidence
from changedet.report import composite, page
from changedet.scene import Scene
from changedet.stack import change_map
from tests.report.builders import HOSTILE_NAMES, make_evidence
from tests.report.large import large_evidence

VOID = {"meta", "link", "img", "br", "input"}


@dataclass
class Reader(HTMLParser):
    """What a browser would see: elements with their text, and whether they nest properly."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    isolated: list[str] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID and tag != "path":
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "script":
            self.scripts.append(data)
        elif self.stack and self.stack[-1] != "style":
            self.text.append(data)
            if "bdi" in self.stack:
                self.isolated.append(data)

    def said(self) -> str:
        """All text, with single spaces."""
        return " ".join("".join(self.text).replace("\u00a0", " ").split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of all elements of a name."""
        return [attrs for name, attrs in self.tags if name == tag]


def read(evidence: Evidence, folder: Path) -> Reader:
    (path,) = page.write(evidence, folder)
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    reader.close()
    assert reader.stack == []
    return reader


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("page")
    evidence = make_evidence()
    composite.write(evidence, folder)
    return read(evidence, folder)


def addresses(reader: Reader) -> Iterator[str]:
    for _, attrs in reader.tags:
        yield from (attrs[name] for name in ("src", "href", "srcset", "action", "poster", "data") if name in attrs)


def test_nothing_is_asked_for(plain: Reader) -> None:
    found = list(addresses(plain))
    assert len(found) >= 15
    assert [a[:60] for a in found if not a.startswith(("data:", "#"))] == []


def test_the_policy_allows_this_script_and_nothing_else(plain: Reader) -> None:
    policy = next(a["content"] for a in plain.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    data, script = plain.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert data.startswith("[{")
    assert "sourceMappingURL" not in script
    assert not [a for _, attrs in plain.tags for a in attrs if a.startswith("on")]


def test_the_verdicts_come_first(plain: Reader) -> None:
    said = plain.said()
    order = (
        "Conoco gas plant: change found in one of two zones",
        "Change found",
        "Change consistent with burning",
        "Reasons: clouds hid the place on too many dates; the object is smaller than this site could have shown.",
        "Three places within the site changed between 14 Feb 2025 and 5 May 2025, 3.8 ha in all.",
        "Satellite-only analysis, not yet validated in the field.",
        "Before and after",
        "Places that changed",
        "Where nothing could be seen",
        "How often chance looks like this",
        "Limits",
        "The images",
        "How this was made",
    )
    places = [said.index(words) for words in order]
    assert places == sorted(places)


def test_without_claims_the_finding_is_what_changed(tmp_path: Path) -> None:
    said = read(replace(make_evidence(), verdicts=()), tmp_path).said()
    assert "Conoco gas plant: three places changed between 14 Feb 2025 and 5 May 2025" in said
    assert "The most significant, and the largest, number 1 on the picture, covers 1.9 ha" in said
    assert "It shows change consistent with burnt or sooted ground; chance alone would show this at" in said


def test_nothing_found_says_what_could_have_been_seen(tmp_path: Path) -> None:
    evidence = unflagged(replace(make_evidence(), detections=()))
    said = read(replace(evidence, verdicts=()), tmp_path).said()
    assert "no change found where these images could show one" in said
    # 8 × 12 of 121 × 121 pixels are not observable
    assert f"{100 * (1 - 96 / 121**2):.1f} % of the site was seen often enough" in said
    assert "On the rest nothing can be said" in said
    assert "one pixel is 10 m × 10 m" in said
    assert "about 14 m to 31 m" in read(evidence, tmp_path).said().replace("14 to 31 m", "14 m to 31 m")


def unflagged(evidence: Evidence) -> Evidence:
    blank = {name: evidence.change[name].values for name in evidence.change.data_vars}
    blank["changed"] = np.zeros_like(blank["changed"])
    return replace(evidence, change=change_map(evidence.stacks["sentinel-2"], blank, detector="builder"))


def test_a_size_that_was_not_measured_is_not_called_measured(tmp_path: Path) -> None:
    """Zones get a rule of thumb; only a claim's objects get trials at the site."""
    evidence = make_evidence()
    thumb = tuple(replace(verdict, power=None, p_claimed=None) for verdict in evidence.verdicts)
    assert "80 % of trials" in read(evidence, tmp_path).said()
    said = read(replace(evidence, verdicts=thumb), tmp_path).said()
    assert "80 % of trials" not in said
    assert "was not measured in this run" in said


def test_flagged_pixels_that_make_no_place_are_not_hidden(plain: Reader, tmp_path: Path) -> None:
    assert "passed the threshold" not in plain.said()
    whole = replace(make_evidence(), verdicts=())
    said = read(replace(whole, detections=whole.detections[:2]), tmp_path).said()
    # the third change is 8 × 10 pixels of 100 m²
    assert "Pixel by pixel, a further 8,000 m² passed the threshold" in said
    said = read(replace(whole, detections=()), tmp_path).said()
    assert "Conoco gas plant: no change that stands out from chance" in said
    assert "Pixel by pixel, 3.8 ha passed the threshold" in said
    assert "flagged pixels, no place" in said


def test_unseen_ground_is_never_called_unchanged(tmp_path: Path) -> None:
    evidence = replace(make_evidence(), detections=(), verdicts=())
    hidden = np.zeros(evidence.change.observable.shape, bool)
    blank = {name: evidence.change[name].values for name in evidence.change.data_vars} | {"observable": hidden}
    change = change_map(evidence.stacks["sentinel-2"], blank, detector="builder")
    said = read(replace(evidence, change=change), tmp_path).said()
    assert "Conoco gas plant: nothing could be seen" in said
    assert "no change" not in said.lower()


def test_no_sentence_names_a_cause_or_an_actor(plain: Reader) -> None:
    said = plain.said().lower()
    for word in ("destroy", "attack", "strike", "bomb", "explo", "demolish", "army", "forces", "coalition"):
        assert word not in said


def test_every_date_offered_is_clear_and_named_without_doubt(plain: Reader) -> None:
    options = plain.all("option")
    # 12 dates less the one under full cloud; the others are clear over at least half of the site
    assert len(options) == 11
    assert len([o for o in options if "selected" in o]) == 1
    said = plain.said()
    assert "11 Mar 2025, 08:06 UTC, Sentinel-2A (100 % clear)" in said
    assert "14 Feb 2025, 08:06 UTC" not in said.split("Outlines of the places found")[0]


def test_the_table_leads_to_each_place(plain: Reader) -> None:
    targets = {attrs["id"] for _, attrs in plain.tags if "id" in attrs}
    links = [a["href"] for a in plain.all("a")]
    assert links.count("#place-1") == links.count("#place-3") == 1
    assert {link[1:] for link in links} <= targets
    ids = [attrs["id"] for _, attrs in plain.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_many_images_are_folded_away_and_few_are_not(plain: Reader, tmp_path: Path) -> None:
    def open_around_the_list(reader: Reader) -> bool:
        place = next(i for i, (tag, attrs) in enumerate(reader.tags) if attrs.get("class") == "inputs")
        return "open" in [attrs for tag, attrs in reader.tags[:place] if tag == "details"][-1]

    evidence = make_evidence()
    assert not open_around_the_list(plain)
    assert open_around_the_list(read(replace(evidence, scenes=evidence.scenes[:3]), tmp_path))


def test_every_picture_says_what_it_shows(plain: Reader) -> None:
    alts = [attrs["alt"] for attrs in plain.all("img")]
    # two of the swipe, a chip and two series a place, the map
    assert len(alts) == 2 + 3 * 3 + 1
    assert all(len(alt) > 20 for alt in alts)
    assert any("12 dates, 3 of them clouded here" in alt for alt in alts)


def test_inputs_failures_and_parameters_are_listed(plain: Reader) -> None:
    said = plain.said()
    for words in (
        "22 acquisitions were used",
        "S2A_37SFU_20240609_0_L2A",
        "https://example.org/20240609/blue.tif",
        f"sha256 {0:064x}",
        "S2B_37SFU_20241206 clear over 3 % of the area",
        "S2A_37SFU_20240819, nir the file is truncated: 1024 of 40960 bytes",
        "detect.false_alarm_rate 0.01",
        "changedet 0.1.0",
        "20250701",
        "The offset of 1 scene was corrected by its baseline.",
        "SIMULATED data, no real imagery, 2024-2025",
    ):
        assert words in said, words


def test_real_data_is_not_called_simulated(tmp_path: Path) -> None:
    said = read(make_evidence(simulated=False), tmp_path).said()
    assert "simulat" not in said.lower()
    assert "Contains modified Copernicus Sentinel data 2024-2025" in said


def test_no_token_and_no_folder_of_this_machine(tmp_path: Path) -> None:
    evidence = make_evidence()

    def signed(scene: Scene) -> Scene:
        assets = {b: replace(a, href=f"{a.href}?sig=TOKEN123&se=1") for b, a in scene.assets.items()}
        return replace(scene, assets=assets, source="/home/someone/archive/catalog.json")

    parameters = {"source": {"catalog": "https://me:pw@host.example/c.json?key=TOKEN123", "client_secret": "TOKEN123"}}
    evidence = replace(
        evidence,
        scenes=tuple(signed(scene) for scene in evidence.scenes),
        provenance=replace(evidence.provenance, parameters=parameters),
    )
    page.write(evidence, tmp_path)
    written = (tmp_path / "report.html").read_text("utf-8")
    assert "TOKEN123" not in written
    assert "/home/someone" not in written
    assert "me:pw" not in written
    assert "https://host.example/c.json" in written


def test_hostile_names_are_text_and_isolated(plain: Reader, tmp_path: Path) -> None:
    evidence = make_evidence(hostile=True)
    composite.write(evidence, tmp_path)
    hostile = read(evidence, tmp_path)
    # not one element more or less than with plain names
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert len(hostile.scripts) == 2
    assert HOSTILE_NAMES[0] in hostile.isolated
    assert HOSTILE_NAMES[1].replace("\x7f", "\ufffd") in hostile.isolated
    assert HOSTILE_NAMES[2][:200] in hostile.isolated
    # where markup cannot isolate, as in the title, FSI … PDI does
    loose = re.sub("\u2068[^\u2069]*\u2069", "", "".join(hostile.text))
    # the longest first: a name also stands inside isolated sentences
    for part in sorted(hostile.isolated, key=len, reverse=True):
        loose = loose.replace(part, "", 1)
    assert "\u202e" not in loose


def test_the_placebos_are_shown_where_they_were_measured(plain: Reader, tmp_path: Path) -> None:
    assert "there is no placebo histogram" in plain.said()
    evidence = make_evidence()
    maps = {key: change.copy() for key, change in evidence.maps.items()}
    maps["sentinel-2"].attrs |= {
        "calibration_histogram": [5, 3, 2],
        "calibration_edges": [0.0, 1.0, 2.0, 3.0],
        "calibration_threshold": 2.5,
        "calibration_windows": 7,
        "calibration_rate": 0.01,
        "calibration_held_out_share": 0.013,
        "calibration_uniformity_p": 0.001,
        "calibration_note": "",
    }
    found = read(replace(evidence, maps=maps), tmp_path)
    said = found.said()
    assert "Sentinel-2: the same search was made at 7 false dates within the reference period" in said
    assert "the bars count the 10 values it gave" in said
    assert "at most 1 % of unchanged ground should reach" in said
    assert "1.3 % of the values reached it" in said
    assert "not evenly spread" in said
    assert "there is no placebo histogram" not in said
    assert any("with the threshold at 2.5" in attrs["alt"] for attrs in found.all("img"))


@pytest.mark.parametrize(("optical", "radar"), [(True, False), (False, True)])
def test_one_sensor_is_enough(optical: bool, radar: bool, tmp_path: Path) -> None:
    found = read(make_evidence(optical=optical, radar=radar), tmp_path)
    assert len(found.all("option")) >= 10
    assert ("VV in dB" in found.said()) == radar


def test_an_evidence_without_images_still_makes_a_page(tmp_path: Path) -> None:
    bare = replace(make_evidence(), stacks={}, maps={}, scenes=(), detections=(), verdicts=())
    found = read(bare, tmp_path)
    assert "No two dates can be compared by eye" in found.said()
    assert found.all("option") == []


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    later = make_evidence()
    later = replace(later, provenance=replace(later.provenance, started=datetime(2030, 1, 1, tzinfo=UTC), timings={}))
    first, second = (
        page.write(evidence, folder)[0].read_bytes()
        for evidence, folder in zip((make_evidence(), later), folders, strict=True)
    )
    assert first == second


def test_a_large_site_stays_small(tmp_path: Path) -> None:
    evidence = large_evidence()
    (tmp_path / "chips").mkdir()
    grain = np.random.default_rng(2)
    for detection in evidence.detections:
        sheet = grain.integers(0, 255, (300, 600, 3), dtype=np.uint8).repeat(3, axis=0).repeat(3, axis=1)
        Image.fromarray(sheet).save(tmp_path / "chips" / f"detection-{detection.number:02d}.png")
    (path,) = page.write(evidence, tmp_path)
    assert path.stat().st_size < 8_000_000
    found = Reader()
    found.feed(path.read_text("utf-8"))
    assert len(found.all("option")) == 60
    assert len(found.all("article")) == 20


def test_a_place_in_two_parts_is_outlined_in_both(tmp_path: Path) -> None:
    evidence = make_evidence()
    one, other, *rest = evidence.detections
    parts = [detection.polygon["coordinates"] for detection in (one, other)]
    joined = replace(one, polygon={"type": "MultiPolygon", "coordinates": parts})
    found = read(replace(evidence, detections=(joined, *rest)), tmp_path)
    drawn = [attrs["d"] for attrs in found.all("path") if attrs.get("d", "").startswith("M")]
    assert drawn[0].count("M") == 2
