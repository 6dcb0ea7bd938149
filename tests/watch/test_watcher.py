"""Watching from outside: only what is new, each change told once, whatever happens in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from changedet.errors import BusyError
from changedet.watch.ledger import read_looks, read_summary
from changedet.watch.watcher import holding, one_pass, watch
from tests.watch.receivers import webhook_receiver
from tests.watch.world import Content, alerts_yaml, brief_reports, make, plan


@pytest.fixture(scope="module", autouse=True)
def _brief() -> Iterator[None]:
    with brief_reports():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configurations and images, and the archive and cache of a whole watch of them."""
    configs = make(tmp_path_factory.mktemp("watched"))
    assert watch(plan(configs)) == 0
    return configs.parent


@pytest.fixture
def configs(original: Path, tmp_path: Path) -> Path:
    """The same, before any watch."""
    for name in ("configs", "images"):
        shutil.copytree(original / name, tmp_path / name)
    return tmp_path / "configs"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "secret")


def archive_of(configs: Path) -> Path:
    return configs.parent / "archive"


def test_the_building_is_reported_then_confirmed(original: Path) -> None:
    summary = read_summary(original / "archive" / "tiny")
    assert summary is not None
    (place,) = summary.places
    assert [(said.state, f"{said.time:%m-%d}") for said in place.history] == [
        ("provisional", "08-03"),
        ("confirmed", "08-13"),
    ]
    assert place.history[1].onset_after == datetime(2024, 7, 23, 8, 12, 31, tzinfo=UTC)
    assert place.history[1].onset_before == datetime(2024, 8, 3, 8, 12, 31, tzinfo=UTC)
    # 12 × 14 pixels of 10 m, and the rim that the smoothing adds
    assert 16_800 <= place.history[1].area <= 2 * 16_800
    for said in place.history:
        assert (original / "archive" / "tiny" / str(said.run) / "report.html").is_file()


def test_every_acquisition_after_the_reference_has_its_look(original: Path) -> None:
    looks = read_looks(original / "archive" / "tiny")
    assert [f"{look.time:%m-%d}" for look in looks] == ["07-03", "07-23", "08-03", "08-13", "08-23"]
    assert looks[0].reason == "too early: 18 usable dates before and 1 after"
    assert [look.used for look in looks] == [False, True, True, True, True]


def test_looking_day_by_day_gives_the_archive_of_looking_once(original: Path, configs: Path) -> None:
    for until in ("2024-06-01", "2024-07-04", "2024-08-03", "2024-08-14", "2024-08-14", "2024-09-30"):
        assert watch(plan(configs, until)) == 0
    assert Content.of(archive_of(configs)).differences(Content.of(original / "archive")) == []


def test_nothing_new_writes_nothing_and_reads_no_image(original: Path, tmp_path: Path) -> None:
    for name in ("configs", "images", "archive", "cache"):
        shutil.copytree(original / name, tmp_path / name)
    configs = tmp_path / "configs"
    archive = archive_of(configs)
    before = {path: path.stat().st_mtime_ns for path in archive.rglob("*") if path.is_file()}
    for image in (tmp_path / "images").rglob("*.tif"):
        image.unlink()
    assert watch(plan(configs)) == 0
    touched = [
        path.name for path in archive.rglob("*") if path.is_file() and before.get(path) != path.stat().st_mtime_ns
    ]
    assert sorted(touched) == ["catalog.json", "watch-pass.json"]


def test_a_warm_look_reads_only_the_new_acquisition(configs: Path) -> None:
    watch(plan(configs, "2024-08-15"))
    for image in (configs.parent / "images").rglob("*.tif"):
        if "2024-08-23" not in str(image):
            image.unlink()
    shutil.rmtree(configs.parent / "cache" / "objects")
    assert watch(plan(configs)) == 0
    assert len(read_looks(archive_of(configs) / "tiny")) == 5


def test_a_bad_site_does_not_stop_the_others(configs: Path) -> None:
    (configs / "a-broken.yaml").write_text("id: [")
    (configs / "b-gone.yaml").write_text(
        (configs / "tiny.yaml").read_text().replace("id: tiny", "id: gone").replace("../images", "../nowhere")
    )
    (configs / "z-twin.yaml").write_text((configs / "tiny.yaml").read_text())
    assert watch(plan(configs)) == 2
    summary = read_summary(archive_of(configs) / "tiny")
    assert summary is not None
    assert summary.looks == 5
    last = json.loads((archive_of(configs) / "watch-pass.json").read_bytes())
    problems = {site["file"]: site["problem"] for site in last["sites"]}
    assert "a-broken.yaml:1" in problems["a-broken.yaml"]
    assert "no such file" in problems["b-gone.yaml"]
    assert "as of another site file" in problems["z-twin.yaml"]
    assert problems["tiny.yaml"] is None


def test_a_scene_that_cannot_be_read_is_waited_for_then_left_out(original: Path, configs: Path) -> None:
    bad = configs.parent / "images" / "sentinel-2-2024-08-13-x" / "red.tif"
    content = bad.read_bytes()
    bad.write_bytes(b"not an image")
    assert watch(plan(configs, "2024-08-16")) == 0
    last = json.loads((archive_of(configs) / "watch-pass.json").read_bytes())
    assert "sentinel-2-2024-08-13-x, asset red" in last["sites"][0]["waiting"]
    assert len(read_looks(archive_of(configs) / "tiny")) == 3
    bad.write_bytes(content)
    assert watch(plan(configs)) == 0
    assert Content.of(archive_of(configs)).differences(Content.of(original / "archive")) == []
    bad.write_bytes(b"not an image")
    shutil.rmtree(archive_of(configs))
    shutil.rmtree(configs.parent / "cache")
    assert watch(plan(configs)) == 0
    fourth = read_looks(archive_of(configs) / "tiny")[3]
    assert not fourth.used
    assert str(fourth.reason).startswith("could not be read")


def test_a_scene_that_lacks_a_band_takes_it_from_no_other_date(configs: Path) -> None:
    name = "sentinel-2-2024-07-23-x"
    path = configs.parent / "images" / name / f"{name}.json"
    item = json.loads(path.read_text())
    del item["assets"]["nir"]
    path.write_text(json.dumps(item))
    assert watch(plan(configs)) == 0
    looks = read_looks(archive_of(configs) / "tiny")
    assert [look.used for look in looks] == [False, False, True, True, True]
    assert looks[1].reason == "could not be read: the item has no such asset"
    assert [look.failures for look in looks[2:]] == [1, 1, 1]


def test_lost_state_is_made_again_and_nothing_is_told_twice(configs: Path) -> None:
    with webhook_receiver() as received:
        alerts_yaml(configs, received.url)
        assert watch(plan(configs)) == 0
        whole = Content.of(archive_of(configs))
        assert len(received.keys) == 2
        (archive_of(configs) / "tiny" / "watch.json").unlink()
        (archive_of(configs) / "feed.xml").unlink()
        assert watch(plan(configs)) == 0
        assert Content.of(archive_of(configs)).differences(whole) == []
        shutil.rmtree(archive_of(configs) / "tiny")
        assert watch(plan(configs)) == 0
        assert Content.of(archive_of(configs)).differences(whole) == []
        assert len(received.keys) == 2


def test_a_receiver_that_is_down_gets_its_alerts_later(configs: Path) -> None:
    with webhook_receiver(403) as received:
        alerts_yaml(configs, received.url)
        assert watch(plan(configs)) == 3
        assert received.keys == []
        assert watch(plan(configs)) == 0
        assert [json.loads(body)["state"] for body in received.bodies] == ["provisional", "confirmed"]


def test_two_watches_of_one_archive_exclude_each_other(configs: Path) -> None:
    with holding(archive_of(configs)), pytest.raises(BusyError, match="another watch"):
        watch(plan(configs))


def test_a_stop_ends_after_the_look_under_way(configs: Path) -> None:
    stop = threading.Event()
    looks: list[object] = []

    def journal(event: str, facts: object) -> None:
        if event == "look":
            looks.append(facts)
            stop.set()

    assert one_pass(plan(configs, journal=journal), stop) == 0
    assert len(looks) == 1
    assert len(read_looks(archive_of(configs) / "tiny")) == 1


def test_sigterm_ends_a_watch_cleanly(original: Path, tmp_path: Path) -> None:
    for name in ("configs", "images", "archive", "cache"):
        shutil.copytree(original / name, tmp_path / name)
    command = ["watch", "configs", "--out", "archive", "--cache", "cache", "--every", "1h", "--log", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "changedet", *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "pass":
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stderr.close()
    with holding(tmp_path / "archive"):
        pass
