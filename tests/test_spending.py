"""What a run would spend is said before, refused beyond a limit, and the cache can be listed, checked and emptied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from changedet import pipeline
from changedet.cli import app
from changedet.errors import InputError
from changedet.searching import search
from tests.archive import ground, shot, site_yaml, write_archive
from tests.loopback import serving
from tests.sources.sentinelhub_server import SECRET, sentinel_hub

BEFORE, AFTER = "[2024-01-01, 2024-06-30]", "[2024-07-01, 2024-12-31]"
SITE = """\
id: romania
name: Managed forest
bbox: [22.1455, 45.2001, 22.1589, 45.2094]
source: {kind: sentinelhub, deployment: cdse}
sensors: {sentinel-2: {max_cloud: 100}}
before: [2018-06-01, 2018-07-31]
after: [2019-06-01, 2019-07-31]
"""


def four_dates(folder: Path) -> Path:
    return write_archive(folder / "archive", [shot(f"2024-0{m}-05", ground(), m) for m in (1, 2, 8, 9)])


def test_requests_and_units_are_said_refused_and_counted(
    data: Path, contracts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, cache = tmp_path / "site.yaml", tmp_path / "cache"
    site.write_text(SITE)
    with sentinel_hub(data / "romania", contracts) as hub:
        for name, value in (("SH_CLIENT_ID", "me"), ("SH_CLIENT_SECRET", SECRET), ("CHANGEDET_SH_LOOPBACK", hub.url)):
            monkeypatch.setenv(name, value)
        found = search(site)
        dates = len(found.rows)
        assert found.cost.requests == dates
        # 106 × 108 pixels are 0.0437 of 512 × 512; seven bands of 32 bits count as 14/3
        assert found.cost.units == pytest.approx(dates * 106 * 108 / 512**2 * 14 / 3)
        assert f"about {dates} requests, {found.cost.units:.2f} processing units" in found.summary
        with pytest.raises(InputError, match=f"about {dates} requests, more than the {dates - 1} of --max-requests"):
            pipeline.run(site, tmp_path / "out", cache=cache, max_requests=dates - 1)
        assert hub.processed == []
        run = pipeline.run(site, tmp_path / "out", cache=cache, max_requests=dates)
        spent = json.loads((run.folder / "run.json").read_text())["downloads"]
        assert spent["processing_units"] == pytest.approx(found.cost.units, abs=1e-3)
        assert spent["requests"] == dates + 3  # the token, and one catalogue page a period
        # what the cache holds costs nothing
        pipeline.run(site, tmp_path / "out", cache=cache, max_requests=0)
        assert len(hub.processed) == dates


def test_the_limit_is_exit_code_2_and_stops_before_pixels(tmp_path: Path) -> None:
    with serving(four_dates(tmp_path).parent) as served:
        site = site_yaml(tmp_path, f"{served.url}/catalog.json", before=BEFORE, after=AFTER)
        refused = CliRunner().invoke(app, ["search", str(site), "--max-requests", "10"])
        assert isinstance(refused.exception, InputError)
        assert refused.exception.exit_code == 2
        assert not any(path.endswith(".tif") for path in served.requests)
        assert CliRunner().invoke(app, ["search", str(site), "--max-requests", "1000"]).exit_code == 0


def test_the_cache_is_listed_checked_and_emptied(tmp_path: Path) -> None:
    four_dates(tmp_path)
    cache = tmp_path / "cache"
    pipeline.run(site_yaml(tmp_path, "archive/catalog.json", before=BEFORE, after=AFTER), tmp_path / "out", cache=cache)

    def changedet(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["cache", *arguments, "--cache", str(cache)])
        return done.exit_code, done.output

    code, text = changedet("ls")
    assert code == 0
    assert "sentinel-2-2024-01-05-x  nir" in text
    assert "28 files" in text  # four dates of six bands and the classification
    assert changedet("verify") == (0, "every file is as it was downloaded\n")
    victim = next((cache / "objects").glob("*/*.tif"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.chmod(0o644)
    victim.write_bytes(bytes(content))
    code, text = changedet("verify")
    assert code == 1
    assert victim.stem in text
    assert changedet("prune", "--keep", "0")[0] == 0
    assert list((cache / "objects").glob("*/*.tif")) == []
