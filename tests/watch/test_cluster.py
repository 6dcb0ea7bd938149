"""An archive and a cache in an object store, and workers on them: the same archive as on one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import dask
import pytest

from changedet.errors import ServiceError
from changedet.mirror import Mirror
from changedet.watch.watcher import one_pass, watch
from tests.watch.elsewhere import Bucket, bucket, cluster
from tests.watch.world import Content, make, plan


@pytest.fixture(scope="module")
def store() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites, watched on this machine."""
    configs = make(tmp_path_factory.mktemp("watched"))
    text = (configs / "tiny.yaml").read_text()
    (configs / "other.yaml").write_text(text.replace("id: tiny", "id: other"))
    assert watch(plan(configs)) == 0
    return configs


def whole(configs: Path) -> Content:
    return Content.of(configs.parent / "archive")


def test_an_archive_in_an_object_store_is_that_of_a_folder(
    configs: Path, store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"archive": f"{store.address}/alone", "cache": f"{store.address}/cache"}
    # two machines, one after the other, with nothing in common but the store
    for machine, until in (("first", "2024-08-15"), ("second", "2024-12-31")):
        monkeypatch.setenv("CHANGEDET_CACHE", str(tmp_path / machine))
        assert watch(plan(configs, until, **places)) == 0
    assert Content.of(store.save("alone", tmp_path / "alone")).differences(whole(configs)) == []


def test_an_object_is_read_whole_whatever_its_size(store: Bucket, tmp_path: Path) -> None:
    mirror = Mirror(f"{store.address}/sizes", tmp_path)
    for name, content in (("empty", b""), ("one", b"1"), ("more", bytes(range(256)) * 64)):
        mirror.write(name, content)
        assert mirror.read(name) == content
    assert mirror.read("none") is None


def test_workers_make_the_same_archive_though_one_of_them_is_killed(
    configs: Path, store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANGEDET_CACHE", str(tmp_path / "here"))
    said: list[Mapping[str, object]] = []
    with cluster(2, store.environment, tmp_path / "there") as workers:
        pids = {name: nanny.process.pid for name, nanny in workers.workers.items()}

        def journal(event: str, facts: Mapping[str, object]) -> None:
            if event == "look" and not said:
                os.kill(pids[facts["worker"]], signal.SIGKILL)
            if event == "look":
                said.append(facts)

        places = {"archive": f"{store.address}/many", "cache": f"{store.address}/cache-many"}
        assert watch(plan(configs, journal=journal, scheduler=workers.scheduler_address, **places)) == 0
    assert Content.of(store.save("many", tmp_path / "many")).differences(whole(configs)) == []
    assert {(facts["site"], facts["number"]) for facts in said} == {
        (site, number) for site in ("tiny", "other") for number in range(1, 6)
    }


def test_sigterm_ends_a_watch_on_workers_and_the_next_goes_on(configs: Path, store: Bucket, tmp_path: Path) -> None:
    places = {"archive": f"{store.address}/asked", "cache": f"{store.address}/cache-asked"}
    with cluster(1, store.environment, tmp_path / "there") as workers:
        command = ["watch", str(configs), "--out", places["archive"], "--cache", places["cache"], "--log", "json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "changedet", *command, "--scheduler", workers.scheduler_address],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "CHANGEDET_CACHE": str(tmp_path / "here")},
        )
        assert process.stderr is not None
        assert any(json.loads(line)["event"] == "look" for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 0, said
        begun = {name.split("/")[0] for name in store.files("asked") if "/looks/" in name}
        assert len(begun) == 1, "the other site waited for the only worker"
        assert watch(plan(configs, scheduler=workers.scheduler_address, **places)) == 0
    assert Content.of(store.save("asked", tmp_path / "asked")).differences(whole(configs)) == []


def test_a_stop_does_not_wait_for_workers_that_never_come(configs: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    with cluster(0, {}, tmp_path / "there") as workers:
        place = plan(configs, archive=tmp_path / "none", scheduler=workers.scheduler_address)
        assert one_pass(place, stop) == 0
    assert not list((tmp_path / "none").rglob("looks/*"))


def test_no_scheduler_is_told_in_one_sentence(configs: Path, tmp_path: Path) -> None:
    place = plan(configs, archive=tmp_path / "none", scheduler="tcp://127.0.0.1:9")
    with dask.config.set({"distributed.comm.timeouts.connect": "500ms"}):
        with pytest.raises(ServiceError, match=r"scheduler tcp://127.0.0.1:9: cannot be reached"):
            watch(place)
