"""A wrong reflectance offset is found by the pixels; haze, snow, seasons and demolition are not taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet import pipeline
from changedet.prepare import clouds
from changedet.prepare.offsets import Checked, check_offsets
from changedet.prepare.steps import prepare_stacks
from changedet.site import Site
from changedet.sources.acquire import build_stacks, fetch_scenes, find_scenes, open_source
from changedet.stack import Layer, band_names, build_stack, site_geobox
from changedet.store import Store

SIDE = 40
GREEN = {"blue": 0.04, "green": 0.07, "red": 0.05, "nir": 0.28, "swir16": 0.20, "swir22": 0.11}
DESERT = {"blue": 0.16, "green": 0.22, "red": 0.30, "nir": 0.36, "swir16": 0.45, "swir22": 0.42}
FOREST = """\
id: romania
name: Managed forest
bbox: [22.1455, 45.2001, 22.1589, 45.2094]
source: {{kind: stac, catalog: {data}/romania/catalog.json}}
sensors: {{sentinel-2: {{max_cloud: 100}}}}
before: [2015-04-01, 2018-10-31]
after: [2018-11-01, 2022-06-30]
"""


def stack_of(changes: list[dict[str, float] | float], ground: dict[str, float] = GREEN, fade: int = -1) -> xr.Dataset:
    """Ground of dark and bright patches, one date in ten days; to each date the number, or that of a band, is added.

    Date ``fade`` keeps half of the contrast.
    """
    rng = np.random.default_rng(4)
    patches = np.repeat(np.repeat(rng.uniform(0.4, 1.6, (SIDE // 8, SIDE // 8)), 8, 0), 8, 1)
    grid = GeoBox.from_bbox((600_000, 3_900_000, 600_400, 3_900_400), "EPSG:32637", resolution=10)
    layers = []
    for i, change in enumerate(changes):
        bands: dict[str, NDArray[np.float32]] = {}
        for band, level in ground.items():
            more = change if isinstance(change, float) else change.get(band, 0.0)
            light = level * (1 + 0.5 * (patches - 1) if i == fade else patches)
            bands[band] = (light + more + 0.003 * rng.standard_normal((SIDE, SIDE))).astype(np.float32)
        day = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=10 * i)
        layers.append(Layer(day, f"scene-{i}", "sentinel-2a", 7, bands))
    return build_stack(layers, grid, sensor="sentinel-2", key="sentinel-2")


def corrected(checked: Checked) -> set[str]:
    """The scenes that were brought 0.10 up or down."""
    stack = checked.stack
    if "offset_fix" not in stack.coords:
        return set()
    return {str(scene) for scene, fix in zip(stack.scene_id.values, stack.offset_fix.values, strict=True) if fix}


@pytest.mark.parametrize("ground", [GREEN, DESERT], ids=["green", "desert"])
@pytest.mark.parametrize("jump", [0.1, -0.1])
@pytest.mark.parametrize("wrong", [{4}, {0}, {6, 7, 8}, {1, 3, 5}, {0, 1, 2, 3}])
def test_dates_with_a_wrong_offset_are_corrected_and_named(
    ground: dict[str, float], jump: float, wrong: set[int]
) -> None:
    truth = stack_of([0.0] * 9, ground)
    checked = check_offsets(stack_of([jump if i in wrong else 0.0 for i in range(9)], ground))
    for band in ground:
        np.testing.assert_allclose(checked.stack[band].values, truth[band].values, atol=1e-6)
    assert corrected(checked) == {f"scene-{i}" for i in wrong}
    assert checked.dropped == ()
    assert f"offset-suspect: {len(wrong)} of 9 dates" in checked.notes[0]
    assert all(f"scene-{i}" in checked.notes[0] for i in wrong)


@pytest.mark.parametrize("jump", [0.1, -0.1])
def test_dark_ground_tells_which_level_is_right_against_most_dates(jump: float) -> None:
    # red and blue of the darkest patches are 0.02: 0.12 is lifted, -0.08 cannot be
    checked = check_offsets(stack_of([jump if i < 7 else 0.0 for i in range(10)]))
    assert corrected(checked) == {f"scene-{i}" for i in range(7)}
    assert "pixels do not tell" not in checked.notes[0]


def test_over_bright_ground_the_level_of_most_dates_is_kept_and_the_doubt_said() -> None:
    checked = check_offsets(stack_of([0.1 if i < 7 else 0.0 for i in range(10)], DESERT))
    assert corrected(checked) == {"scene-7", "scene-8", "scene-9"}
    assert "Which level is right the pixels do not tell" in checked.notes[0]


@pytest.mark.parametrize(
    "changes",
    [
        [0.0] * 6,
        [0.0, 0.0, 0.04, 0.0, 0.0, 0.0],  # haze
        [0.0, 0.0, {"blue": 0.5, "green": 0.45, "red": 0.4, "nir": 0.3, "swir16": 0.0}, 0.0, 0.0],  # snow
        [0.01 * i for i in range(8)],  # slowly brighter
        [0.0, 0.0, 0.0, {"nir": 0.1, "swir16": 0.1}, {"nir": 0.1, "swir16": 0.1}],  # spring
        [0.0, 0.0, {"blue": 0.14, "green": 0.12, "red": 0.10, "nir": 0.07, "swir16": 0.03}, 0.0],  # smoke
        [0.0, 0.0, {"red": 0.1, "green": 0.07, "blue": 0.04, "swir16": 0.1, "swir22": 0.1}, 0.0, 0.0],  # harvest
    ],
    ids=["still", "haze", "snow", "drift", "spring", "smoke", "harvest"],
)  # fmt: skip
def test_what_nature_does_is_left_alone(changes: list[dict[str, float] | float]) -> None:
    stack = stack_of(changes)
    checked = check_offsets(stack)
    assert (checked.notes, checked.dropped) == ((), ())
    assert checked.stack is stack


def test_a_veil_that_brightens_all_bands_alike_takes_contrast_and_is_no_offset() -> None:
    visible = {band: GREEN[band] for band in ("blue", "green", "red")}
    assert check_offsets(stack_of([0.0] * 4 + [0.1] + [0.0] * 4, visible, fade=4)).notes == ()
    assert check_offsets(stack_of([0.0] * 4 + [0.1] + [0.0] * 4, visible)).notes != ()


def test_a_demolished_facility_is_no_offset() -> None:
    stack = stack_of([0.0] * 6)
    facility = np.zeros((SIDE, SIDE), bool)
    facility[4:36, 4:36] = True
    for band in GREEN:
        stack[band].values[3:, facility] += 0.1
    assert check_offsets(stack, ignore=facility).notes == ()


@pytest.mark.parametrize("jump", [0.1, -0.1])
def test_of_two_dates_dark_ground_tells_and_bright_ground_does_not(jump: float) -> None:
    assert corrected(check_offsets(stack_of([0.0, jump]))) == {"scene-1"}
    stack = stack_of([0.0, abs(jump)], DESERT)
    checked = check_offsets(stack)
    assert checked.stack is stack
    assert "nothing was corrected" in checked.notes[0]


@pytest.fixture(scope="module")
def forest(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, xr.Dataset]:
    """82 clear dates of seven years of real forest, clouds masked."""
    folder = tmp_path_factory.mktemp("forest")
    path = folder / "site.yaml"
    path.write_text(FOREST.format(data=data))
    site = pipeline.load_site(path)
    source, grid = open_source(site, folder), site_geobox(site.ring, 20)
    acquired = fetch_scenes(find_scenes(site, source), source, grid, Store(folder / "cache"))
    masked = clouds.mask_clouds(build_stacks(acquired, grid)["sentinel-2"], clouds.Config())
    seen, _ = clouds.keep_clear(clouds.clear_shares(masked, np.ones(grid.shape, bool)), 0.4)
    return site, seen


def lifted(stack: xr.Dataset, steps: NDArray[np.int64]) -> xr.Dataset:
    """The stack with its offset put wrong: each date raised by 0.10 times its step."""
    more = xr.DataArray((0.1 * steps).astype(np.float32), dims="time")
    return stack.assign({band: stack[band] + more for band in band_names(stack)})


def test_seven_years_of_real_forest_raise_no_false_report(forest: tuple[Site, xr.Dataset]) -> None:
    checked = check_offsets(forest[1])
    assert (checked.notes, checked.dropped) == ((), ())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("first", "last"), [(53, 80), (30, 40), (0, 12), (27, 82), (41, 82), (0, 55)],
    ids=["27 dates", "10 dates", "the first year", "after 2017", "second half", "until 2019"],
)  # fmt: skip
def test_blocks_of_wrong_dates_in_real_forest_are_put_right(
    forest: tuple[Site, xr.Dataset], first: int, last: int, sign: int
) -> None:
    stack = forest[1]
    count = stack.sizes["time"]
    index = np.arange(count)
    wrong = np.where((index >= first * count // 82) & (index < last * count // 82), sign, 0)
    checked = check_offsets(lifted(stack, wrong))
    lost = {scene for scene, _ in checked.dropped}
    names = [str(scene) for scene in stack.scene_id.values]
    ours = {name for name, step in zip(names, wrong, strict=True) if step}
    found = corrected(checked)
    assert found <= ours  # no right date is touched
    assert len(ours - found - lost) <= max(2, 0.1 * len(ours))  # hazy dates may stay in doubt
    assert "offset-suspect" in checked.notes[0]


def test_single_wrong_dates_in_real_forest_are_put_right(forest: tuple[Site, xr.Dataset]) -> None:
    stack = forest[1]
    count = stack.sizes["time"]
    hits = 0
    for i in range(0, count, 4):
        wrong = np.zeros(count, np.int64)
        wrong[i] = 1
        found = corrected(check_offsets(lifted(stack, wrong)))
        assert found <= {str(stack.scene_id.values[i])}
        hits += bool(found)
    # dates under thin cloud or shadow look like no other date, with a wrong offset or without
    assert hits >= 0.65 * len(range(0, count, 4))


def test_the_steps_say_it_and_go_on(forest: tuple[Site, xr.Dataset]) -> None:
    site, stack = forest
    part = stack.isel(time=slice(15, 40))
    wrong = np.zeros(25, np.int64)
    wrong[14:] = 1
    ready = prepare_stacks({"sentinel-2": lifted(part, wrong)}, site)
    assert any("offset-suspect" in note for note in ready.notes)
    assert np.nanmedian(ready.stacks["sentinel-2"].blue.values) < 0.05
