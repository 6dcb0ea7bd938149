"""An archive and a cache in an object store, and workers on them: the same archive as on one machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import dask
import pytest

from changedet.errors import ServiceError
from changedet.watch.watcher import watch
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


def test_no_scheduler_is_told_in_one_sentence(configs: Path, tmp_path: Path) -> None:
    place = plan(configs, archive=tmp_path / "none", scheduler="tcp://127.0.0.1:9")
    with dask.config.set({"distributed.comm.timeouts.connect": "500ms"}):
        with pytest.raises(ServiceError, match=r"scheduler tcp://127.0.0.1:9: cannot be reached"):
            watch(place)
