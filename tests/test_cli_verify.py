"""``changedet verify`` and ``plan`` from outside, on a small simulated archive whose truth is known."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from changedet.simulate import Event, Simulation, mast, tank, write_archive
from tests.test_cli import changedet, refused

# the first test compiles the kernels, which takes minutes on a busy machine
pytestmark = [pytest.mark.usefixtures("_no_home_cache"), pytest.mark.timeout(900)]


@pytest.fixture
def _no_home_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHANGEDET_CACHE", str(tmp_path / "home-cache"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("claims")
    write_archive(
        folder / "archive",
        Simulation(
            seed=5, months=18, size_m=1200, revisit_days=15, cloud_share=0.1, sensors=("sentinel-2",), decoys=False,
            structures=(tank("gone", (0, 0), 40), tank("standing", (150, 100), 40), mast("mast-1", (-150, 0))),
            events=(Event("loss", "Loss", "demolish", ("gone",), date(2022, 3, 1)),),
        ),
    )  # fmt: skip
    return folder / "archive"


def claim(archive: Path, name: str, objects: str, window: str = "[2022-02-02, 2022-03-31]") -> Path:
    """A claim that everything named was destroyed; outlines are taken from the simulation's own claim."""
    text = (archive / "claim.yaml").read_text()
    head = text[: text.index("objects:")]
    path = archive / name
    old = head[head.index("window:") : head.index("\n", head.index("window:"))]
    path.write_text(head.replace(old, f"window: {window}") + "objects:\n" + objects)
    return path


def verified(path: Path, folder: Path) -> dict[str, object]:
    done = changedet("verify", path, "--out", folder / "out", "--cache", path.parent.parent / "cache", "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_simulation_s_own_claim(archive: Path, tmp_path: Path) -> None:
    said = verified(archive / "claim.yaml", tmp_path)
    assert [(one["name"], one["outcome"]) for one in said["objects"]] == [
        ("gone", "supported"), ("mast-1", "inconclusive"),
    ]  # fmt: skip
    assert said["outcome"] == "inconclusive"
    folder = Path(str(said["run"]))
    record = json.loads((folder / "verdicts.json").read_text())
    assert record["claim"]["quotation"].startswith("The tanks")
    gone, small = record["verdicts"]
    assert gone["bracket_after"] < "2022-03-01" <= gone["bracket_before"][:10]
    assert gone["p_intact"] <= 0.01
    assert len(gone["controls"]) >= 199
    assert small["reasons"] == ["below-detection-limit"]
    page = (folder / "report.html").read_text()
    for words in ("The tanks of the fuel depot", "Supported", "Images that show it", "What would settle it",
                  "Places compared with", "not yet validated in the field", "or by whose hand"):  # fmt: skip
        assert words in page
    again = changedet("report", folder)
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "verdicts.json").read_text()) == record


def test_what_still_stands_is_not_said_to_be_gone(archive: Path, tmp_path: Path) -> None:
    sites = json.loads((archive / "truth.geojson").read_text())["features"]
    (lon, lat), *_ = next(f for f in sites if f["id"] == "loss")["geometry"]["coordinates"][0]
    # 150 m east and 100 m north of the middle of the lost tank, whose scar begins 25 m east of it
    east, north = 1 / 92_300, 1 / 110_900
    center = f"[{lon + (150 - 25) * east:.6f}, {lat + 100 * north:.6f}]"
    path = claim(archive, "standing.yaml", f"  - name: standing\n    center: {center}\n    size: 40\n")
    said = verified(path, tmp_path)
    assert said["outcome"] in ("contradicted", "inconclusive")
    record = json.loads((Path(str(said["run"])) / "verdicts.json").read_text())
    assert record["verdicts"][0]["p_intact"] > 0.01


def test_a_mast_is_answered_before_any_pixel_is_read(archive: Path, tmp_path: Path) -> None:
    path = claim(archive, "mast.yaml", "  - name: mast\n    kind: mast\n    center: [39.2, 34.05]\n    size: 3\n")
    path.write_text(path.read_text().replace("site: site.yaml", "site: elsewhere.yaml"))
    site = (archive / "site.yaml").read_text().replace("catalog.json", "no-such-catalog.json")
    (archive / "elsewhere.yaml").write_text(site)
    done = changedet("verify", path, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert "inconclusive: mast" in done.stdout
    page = Path(done.stdout.strip().splitlines()[-1])
    assert "No image was used" in page.read_text()
    assert not (tmp_path / "cache").exists()


def test_plan_reads_no_pixel_and_says_what_can_be_settled(archive: Path) -> None:
    done = changedet("plan", archive / "claim.yaml", "--json")
    assert done.returncode == 0, done.stderr
    planned = json.loads(done.stdout)
    assert [one["outlook"] for one in planned["objects"]] == ["can be settled", "too small"]
    assert 5 < planned["clear_after"] < 30
    assert "too small: mast-1" in changedet("plan", archive / "claim.yaml").stdout


def test_plan_without_its_catalogue_says_what_sizes_tell(archive: Path) -> None:
    path = claim(
        archive,
        "offline.yaml",
        "  - {name: mast-2, kind: mast, center: [39.2, 34.05], size: 2}\n"
        "  - {name: hall, kind: building, center: [39.201, 34.05], size: 60}\n",
    )
    # a port on which nothing listens
    site = (archive / "site.yaml").read_text().replace("catalog: catalog.json", "catalog: http://127.0.0.1:9/c.json")
    (archive / "offline-site.yaml").write_text(site)
    path.write_text(path.read_text().replace("site.yaml", "offline-site.yaml"))
    done = changedet("plan", path)
    assert done.returncode == 3, done.stderr
    assert "too small: mast-2 (mast), 2 m across; below about 12 m" in done.stdout
    assert "depends on the dates: hall (building), 60 m across; below about 6 m" in done.stdout
    told = json.loads(changedet("plan", path, "--json").stdout)
    assert [one["outlook"] for one in told["objects"]] == ["too small", "depends on the dates"]


def test_a_mistake_costs_one_sentence_with_its_line(archive: Path, tmp_path: Path) -> None:
    path = claim(archive, "wrong.yaml", "  - name: x\n    center: [39.2, 34.05]\n    size: -2\n")
    sentence = refused(changedet("verify", path, "--out", tmp_path / "out"), 2)
    assert "wrong.yaml:" in sentence
    assert "objects[0].size" in sentence
