"""Words that would be more than words on a page, a terminal or a disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive import footprint, ground, shot, site_yaml, write_archive
from tests.hostile.world import DATES, WORD, command

NAMES = (
    "../../../evil",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "evil\u202etxt.exe",
    "\x1b]0;owned\x07\x1b[2J",
    "a\0b",
    "[link=http://example.org]red[/link]",
    "{{ 7*7 }}",
    "'; DROP TABLE scenes; --",
    "]]></description><script>",
)


@pytest.fixture(scope="module")
def hostile_run(
    original: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str], Path]:
    """A whole run of a catalogue whose every word is hostile: folder, process, run folder."""
    folder = tmp_path_factory.mktemp("hostile")
    days = [f"2024-{month:02d}-{day:02d}" for month in (1, 2, 3, 8, 9) for day in (3, 18)]
    write_archive(folder / "archive", [shot(day, ground(), i) for i, day in enumerate(days)])
    for path, name in zip(sorted((folder / "archive").glob("*/*.json")), NAMES, strict=True):
        item = json.loads(path.read_text())
        item["id"] = name
        item["properties"] |= {"platform": f"sentinel-2a{name}", "s2:product_uri": name, "title": name}
        item["assets"][name] = {**item["assets"]["red"], "href": "../../../etc/passwd", "title": name}
        path.write_text(json.dumps(item))
    site = site_yaml(folder, "archive/catalog.json", **DATES)
    text = site.read_text().replace("name: Tiny site", f"name: {json.dumps(NAMES[1] + NAMES[9])}")
    zones = [{"name": name, "kind": "building", "center": [0, 0], "radius": 40} for name in (NAMES[1], NAMES[7])]
    west, south, east, north = footprint()
    for zone in zones:
        zone["center"] = [round((west + east) / 2, 5), round((south + north) / 2, 5)]
    site.write_text(text + f"zones: {json.dumps(zones)}\n")
    done = subprocess.run(
        [sys.executable, "-m", "changedet", "run", site, "--out", folder / "out", "--cache", folder / "cache"],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    found = sorted((folder / "out" / "tiny").glob("[!.]*"))
    return folder, done, found[0] if found else folder


def test_hostile_words_stay_words(hostile_run: tuple[Path, subprocess.CompletedProcess[str], Path]) -> None:
    folder, done, run = hostile_run
    assert done.returncode == 0, done.stderr
    assert not any(ord(c) < 32 and c != "\n" for c in done.stdout + done.stderr)
    # nothing but the archive, the site, the cache and the run
    assert {path.name for path in folder.iterdir()} == {"archive", "site.yaml", "cache", "out"}
    assert {path.name for path in (folder / "out").iterdir()} <= {"tiny", "catalog.json", ".catalog.lock"}
    page = (run / "report.html").read_text()
    for word in ("<script>alert(1)", "<img src=x", "\u202e", "\x1b", "\0"):
        assert word not in page, word
    for path in run.rglob("*"):
        assert path.resolve().is_relative_to(run)
        assert not path.is_symlink()
    for path in (*run.rglob("*.json"), *run.rglob("*.geojson")):
        json.loads(path.read_text())


def test_search_prints_hostile_words_as_words(
    hostile_run: tuple[Path, subprocess.CompletedProcess[str], Path],
) -> None:
    folder, *_ = hostile_run
    done = subprocess.run(
        [sys.executable, "-m", "changedet", "search", folder / "site.yaml"],
        capture_output=True, text=True, timeout=100, env={**os.environ, "COLUMNS": "250"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[link=http://example.org]red[/link]" in done.stdout


def test_a_link_in_a_run_folder_is_not_followed(
    hostile_run: tuple[Path, subprocess.CompletedProcess[str], Path],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = Path(shutil.copytree(hostile_run[2], tmp_path / "tiny" / "run"))
    (tmp_path / "secret.txt").write_text(WORD)
    (run / "extra.txt").symlink_to(tmp_path / "secret.txt")
    for verb, *more in (("export", tmp_path / "pack.zip"), ("report",), ("check",)):
        code, said = command(monkeypatch, capsys, verb, run, *more)
        assert code in (1, 2), verb
        assert "extra.txt" in said
        assert WORD not in said
    assert not (tmp_path / "pack.zip").exists()
    assert (tmp_path / "secret.txt").read_text() == WORD
