"""Clouds of scenes without a classification: by a model where it can be had, else in one sentence that they stayed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from changedet.errors import InputError
from changedet.pipeline import gather, load_site
from changedet.prepare import cloudless
from changedet.prepare.cloudless import MODEL_BANDS, mask_cloudless
from changedet.prepare.steps import prepare_stacks
from changedet.scene import CLOUD_BANDS
from changedet.site import Site
from changedet.sources.acquire import build_stacks, fetch_scenes, find_scenes, open_source
from changedet.stack import Layer, build_stack, site_geobox
from changedet.store import Store
from tests.archive import SIZE, Shot, ground, shot, site_yaml, write_archive
from tests.detect.pairs import stack_of

ASKED = "sensors:\n  sentinel-2: {cloud_mask: s2cloudless}\n"
CLOUD = np.s_[30:50, 30:50]
PERIODS = {"before": "[2024-06-01, 2024-06-30]", "after": "[2024-07-01, 2024-07-30]"}
DAYS = ("2024-06-05", "2024-06-15", "2024-07-05", "2024-07-15")
CLOUDY = "2024-07-05"
PARTS = {"coastal": "B01", "rededge1": "B05", "nir08": "B8A", "nir09": "B09", "cirrus": "B10"}


def by_cirrus(reflectance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """A stand-in for the model: cloud is where the eighth band, B10, is bright."""
    assert reflectance.shape[-1] == 10
    assert np.isfinite(reflectance).all()
    assert reflectance.max() < 2
    cloud: NDArray[np.bool_] = reflectance[..., 7] > 0.05
    return cloud


def level_1c(day: str, *, without: tuple[str, ...] = ()) -> Shot:
    """An acquisition without classification, its assets of the model named as ESA numbers them."""
    one = shot(day, ground())
    one.scl = None
    cirrus = np.full((SIZE, SIZE), 20)
    if day == CLOUDY:
        cirrus[CLOUD] = 1500
    extra = {**dict.fromkeys(PARTS.values(), 1000), "B10": cirrus}
    one.bands |= {name: values for name, values in extra.items() if name not in without}
    return one


def site_of(folder: Path, more: str = ASKED, *, without: tuple[str, ...] = ()) -> Site:
    write_archive(folder / "archive", [level_1c(day, without=without) for day in DAYS])
    return load_site(site_yaml(folder, "archive/catalog.json", **PERIODS, more=more))


def stacks_of(site: Site, folder: Path) -> dict[str, xr.Dataset]:
    source = open_source(site, folder)
    grid = site_geobox(site.ring, site.resolution)
    return build_stacks(fetch_scenes(find_scenes(site, source), source, grid, Store(folder / "cache")), grid)


def test_the_order_is_that_of_the_model() -> None:
    assert list(MODEL_BANDS.values()) == ["B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12"]


def test_a_cloud_is_masked_on_its_date_alone_and_its_share_is_kept(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    stacks = stacks_of(site, tmp_path)
    assert set(CLOUD_BANDS) <= set(stacks["sentinel-2"].data_vars)
    ready = prepare_stacks(stacks, site, classifier=by_cirrus)
    stack = ready.stacks["sentinel-2"]
    assert not set(CLOUD_BANDS) & set(stack.data_vars)
    hidden = (~stack.valid.values).sum((1, 2))
    # 20 × 20 pixels of 10 m, resampled onto the grid of the site: a pixel more or less on each side
    assert 18 * 18 <= hidden[2] - hidden[0] <= 23 * 23
    shares = stack.clear_share.values
    assert shares[[0, 1, 3]] == pytest.approx(1, abs=0.02)
    # the circle of 300 m holds about 2800 pixels of 100 m²
    assert shares[2] == pytest.approx(1 - 400 / stack.valid[0].size, abs=0.05)
    assert np.isnan(stack.red.values[2][~stack.valid.values[2]]).all()
    assert any("masked by s2cloudless, which knows neither cloud shadows" in note for note in ready.notes)


def test_nothing_more_is_fetched_unless_asked_for(tmp_path: Path) -> None:
    site = site_of(tmp_path, "sensors:\n  sentinel-2: {}\n")
    stacks = stacks_of(site, tmp_path)
    assert not set(CLOUD_BANDS) & set(stacks["sentinel-2"].data_vars)
    ready = prepare_stacks(stacks, site, classifier=by_cirrus)
    (note,) = (note for note in ready.notes if "no cloud mask was made" in note)
    assert "`cloud_mask: s2cloudless`" in note
    assert 'pip install "changedet[clouds]"' in note
    assert ready.stacks["sentinel-2"].valid.values[2][CLOUD].all()


def test_bands_that_are_missing_are_named(tmp_path: Path) -> None:
    site = site_of(tmp_path, without=("B10", "B09"))
    ready = prepare_stacks(stacks_of(site, tmp_path), site, classifier=by_cirrus)
    (note,) = (note for note in ready.notes if "no cloud mask was made" in note)
    assert "needs the bands B09, B10, which" in note


def test_what_is_not_installed_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudless, "installed", lambda: False)
    site = site_of(tmp_path)
    with pytest.raises(
        InputError, match=r'extra `clouds`, which is not installed; run pip install "changedet\[clouds\]"'
    ):
        gather(site, tmp_path, Store(tmp_path / "cache"), datetime(2024, 8, 1, tzinfo=UTC))
    assert not any((tmp_path / "cache").rglob("*.tif"))
    assert InputError.exit_code == 2


def test_a_classification_is_used_where_there_is_one(tmp_path: Path) -> None:
    shots = [level_1c(day) for day in DAYS]
    for one in shots:
        one.scl = np.full((SIZE, SIZE), 5, np.uint8)
    write_archive(tmp_path / "archive", shots)
    site = load_site(site_yaml(tmp_path, "archive/catalog.json", **PERIODS, more=ASKED))
    stacks = stacks_of(site, tmp_path)
    assert not set(CLOUD_BANDS) & set(stacks["sentinel-2"].data_vars)
    ready = prepare_stacks(stacks, site, classifier=by_cirrus)
    assert any("scene classification, which masked the clouds" in note for note in ready.notes)
    assert ready.stacks["sentinel-2"].clear_share.values == pytest.approx(1)


def ten_bands(height: int, cirrus: NDArray[np.float64]) -> xr.Dataset:
    planes = np.full((10, height, 12), 0.2)
    planes[7] = cirrus
    return stack_of(planes, planes, tuple(MODEL_BANDS))


def test_strips_leave_no_seam_and_gaps_are_not_called_clear() -> None:
    rows = cloudless.STRIP * 2 + 5
    cirrus = np.where((np.arange(rows) % 7 == 0)[:, None], 0.1, 0.0) * np.ones(12)
    cirrus[100:104, 3] = np.nan
    stack, _ = mask_cloudless(ten_bands(rows, cirrus), True, by_cirrus)
    clear = np.arange(rows) % 7 != 0
    assert (stack.valid.values[:, :, 0] == clear).all()
    assert not stack.valid.values[:, 100:104, 3].any()


def test_a_band_that_one_date_lacks_is_named() -> None:
    whole = ten_bands(20, np.zeros((20, 12)))
    grid = whole.odc.geobox
    layers = [
        Layer(day, f"s-{day:%d}", "a", 1, {n: whole[n].values[0] for n in MODEL_BANDS if n != lacking})
        for day, lacking in ((datetime(2024, 6, 1, tzinfo=UTC), ""), (datetime(2024, 6, 2, tzinfo=UTC), "coastal"))
    ]
    _, (note,) = mask_cloudless(build_stack(layers, grid, sensor="sentinel-2", key="k"), True, by_cirrus)
    assert "needs the bands B01, which" in note


def test_the_model_itself_tells_cloud_from_ground() -> None:
    if not cloudless.installed():
        pytest.skip("the extra `clouds` is not installed")
    # top-of-atmosphere reflectance in the order of the model: bare ground with vegetation, and a high thick cloud
    ground = [0.12, 0.10, 0.08, 0.12, 0.30, 0.30, 0.10, 0.001, 0.20, 0.10]
    cloud = [0.60, 0.60, 0.60, 0.62, 0.65, 0.65, 0.40, 0.080, 0.45, 0.35]
    image = np.full((40, 40, 10), ground, np.float32)
    image[10:30, 10:30] = cloud
    hidden = cloudless.s2cloudless()(image)
    assert hidden[10:30, 10:30].all()
    assert not hidden[:4].any()
    assert not hidden[:, -4:].any()
