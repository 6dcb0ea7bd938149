"""Small runs, on real imagery and on the demo, each made once and shared by all tests and all workers of a session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from changedet import pipeline
from changedet.simulate import Simulation, write_archive

ROMANIA = """\
id: romania
name: Managed forest, Romania
area: {{center: [22.1524, 45.2042], radius: 300}}
source: {{kind: stac, catalog: {data}/romania/catalog.json}}
sensors: {{sentinel-2: {{max_cloud: 100}}}}
before: [2018-06-01, 2019-04-30]
after: [2019-05-01, 2019-10-01]
zones:
  - {{name: Clearing, kind: other, center: [22.1515, 45.2029], radius: 60}}
"""
DUBAI = """\
id: dubai
name: Suburb of Dubai
area: {{center: [55.2238, 25.0371], radius: 900}}
source: {{kind: stac, catalog: {data}/oscd/dubai/catalog.json}}
sensors: {{sentinel-2: {{}}}}
before: [2015-12-01, 2015-12-31]
after: [2018-03-01, 2018-03-31]
"""
RTC = """\
id: rtc
name: Coast Range, California
area: {{center: [-119.833, 34.778], radius: 1200}}
resolution: 30
source: {{kind: stac, catalog: {data}/rtc/t137-292321-iw2/catalog.json}}
sensors: {{sentinel-1: {{}}}}
before: [2021-11-01, 2023-01-31]
after: [2023-02-01, 2023-12-31]
"""


def _made(factory: pytest.TempPathFactory, name: str, site: str | None) -> Path:
    """The run folder of a site file's text, or of the demo."""
    place = factory.getbasetemp()
    place = (place.parent if place.name.startswith("popen-") else place) / f"shared-{name}"
    place.mkdir(exist_ok=True)
    known = place / "run.txt"
    with FileLock(place / "lock"):
        if not known.is_file():
            if site is None:
                path = write_archive(place / "archive", Simulation(months=18, size_m=1600)).parent / "site.yaml"
            else:
                path = place / "site.yaml"
                path.write_text(site, encoding="utf-8")
            made = pipeline.run(path, place / "out", cache=place / "cache")
            known.write_text(str(made.folder))
    return Path(known.read_text())


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, shorter and on a smaller square: the same facility and the same events."""
    return _made(tmp_path_factory, "demo", None)


@pytest.fixture(scope="session")
def romania_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optical, many dates: a clearing in a forest."""
    return _made(tmp_path_factory, "romania", ROMANIA.format(data=json.dumps(str(data))[1:-1]))


@pytest.fixture(scope="session")
def dubai_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optical, two dates."""
    return _made(tmp_path_factory, "dubai", DUBAI.format(data=json.dumps(str(data))[1:-1]))


@pytest.fixture(scope="session")
def rtc_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Radar, one orbit."""
    return _made(tmp_path_factory, "rtc", RTC.format(data=json.dumps(str(data))[1:-1]))
