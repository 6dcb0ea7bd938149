"""A date appended to a prepared stack gives what preparing all dates anew gives, or says that it cannot."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from changedet.prepare.steps import One, append_date, prepare_stack
from changedet.site import Period, SensorSpec, Site
from changedet.stack import Layer, band_names, build_stack, geobox_of
from changedet.values import SourceConfig

SIDE = 48
GRID = GeoBox.from_bbox((600_000, 3_900_000, 600_480, 3_900_480), "EPSG:32637", resolution=10)
LEVELS = {"red": 0.30, "nir": 0.36}
CLEAR, CLOUD = 5, 9


def site() -> Site:
    west, south, east, north = GRID.extent.to_crs("EPSG:4326").boundingbox
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Site(
        id="tiny",
        name="Tiny",
        ring=ring,
        source=SourceConfig(kind="stac"),
        sensors={"sentinel-2": SensorSpec()},
        before=Period(first=date(2022, 1, 1), last=date(2022, 6, 30)),
        after=Period(first=date(2022, 7, 1), last=date(2022, 12, 31)),
    )


def layer(number: int, *, offset: float = 0.0, shift: float = 0.0, cloud: int = 0, roof: bool = False) -> Layer:
    """Textured ground ten days after the one before; ``cloud`` columns are hidden, a roof is called cloud."""
    texture = ndimage.gaussian_filter(np.random.default_rng(4).uniform(-1, 1, (SIDE, SIDE)), 1.5)
    noise = 0.002 * np.random.default_rng(number).standard_normal((SIDE, SIDE))
    moved = ndimage.shift(texture, (shift, shift / 2), mode="nearest")
    bands: dict[str, NDArray[np.float32]] = {
        name: (level * (1 + moved) + noise + offset).astype(np.float32) for name, level in LEVELS.items()
    }
    scl = np.full((SIDE, SIDE), CLEAR, np.uint8)
    scl[:, :cloud] = CLOUD
    if roof:
        scl[40:42, 40:42] = CLOUD
    day = datetime(2022, 1, 1) + timedelta(days=10 * number)
    return Layer(day, f"scene-{number}", "sentinel-2a", 7, bands, scl)


def stack_of(layers: list[Layer]) -> xr.Dataset:
    return build_stack(layers, GRID, sensor="sentinel-2", key="sentinel-2")


def grown(layers: list[Layer]) -> tuple[One, One | None, One]:
    """All but the last date prepared, the last appended to them, and all prepared together."""
    earlier = prepare_stack(stack_of(layers[:-1]), site())
    return earlier, append_date(earlier, stack_of(layers[-1:]), site()), prepare_stack(stack_of(layers), site())


def assert_same(earlier: One, appended: One, whole: One) -> None:
    """Value by value, to the last bit."""
    kept = earlier.stack.sizes["time"]
    assert kept + appended.stack.sizes["time"] == whole.stack.sizes["time"]
    for name in (*band_names(whole.stack), "valid", *whole.stack.coords):
        new = [appended.stack[name]] if appended.stack.sizes["time"] else []
        expected, parts = whole.stack[name], [earlier.stack[name], *new]
        if "time" not in expected.dims:
            assert parts[0].equals(expected)
            continue
        found = np.concatenate([part.values for part in parts])
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected.values, err_msg=str(name))
    assert (appended.dropped, appended.notes) == (whole.dropped, whole.notes)
    assert geobox_of(appended.stack) == geobox_of(whole.stack)


DATES = st.builds(
    dict,
    offset=st.sampled_from([0.0, 0.0, 0.0, 0.1]),
    shift=st.sampled_from([0.0, 0.02, 0.4, 3.0]),
    cloud=st.sampled_from([0, 0, 10, 40]),
    roof=st.booleans(),
)


@given(st.lists(DATES, min_size=4, max_size=14))
@settings(max_examples=25, deadline=None)
def test_appending_is_preparing_all(dates: list[dict[str, float]]) -> None:
    earlier, appended, whole = grown([layer(i, **date) for i, date in enumerate(dates)])
    if appended is not None:
        assert_same(earlier, appended, whole)


def one_more(*, then: dict[str, float], count: int = 9) -> tuple[One, One | None, One]:
    return grown([*(layer(i, cloud=0 if i == 2 else 2) for i in range(count)), layer(count, **then)])


def test_a_date_like_the_others_is_appended() -> None:
    earlier, appended, whole = one_more(then={"cloud": 2, "shift": 0.4})
    assert appended is not None
    assert_same(earlier, appended, whole)
    assert appended.stack.registration.values.tolist() == ["moved"]


def test_a_date_under_cloud_leaves_only_its_reason() -> None:
    earlier, appended, whole = one_more(then={"cloud": 46})
    assert appended is not None
    assert appended.stack.sizes["time"] == 0
    assert_same(earlier, appended, whole)
    assert appended.hidden[-1][0] == "scene-9"


def test_a_date_far_off_is_refused_as_ever() -> None:
    earlier, appended, whole = one_more(then={"cloud": 2, "shift": 3.0})
    assert appended is not None
    assert_same(earlier, appended, whole)
    assert [scene for scene, _ in appended.refused] == ["scene-9"]


def test_a_clearer_date_becomes_the_reference_and_all_are_prepared_again() -> None:
    earlier = prepare_stack(stack_of([layer(i, cloud=2) for i in range(6)]), site())
    assert append_date(earlier, stack_of([layer(6)]), site()) is None


def test_a_roof_that_is_told_by_one_more_date_has_all_prepared_again() -> None:
    # the roof is judged from the eighth clear date on
    layers = [layer(i, cloud=2, roof=True) for i in range(8)]
    earlier, appended, whole = grown(layers)
    assert appended is None
    assert not earlier.stack.valid.values[:, 40, 40].any()
    assert whole.stack.valid.values[:, 40, 40].all()


def test_of_too_few_dates_all_are_prepared_again() -> None:
    assert grown([layer(i, cloud=2) for i in range(3)])[1] is None


def radar(number: int) -> Layer:
    rng = np.random.default_rng(number)
    bands = {name: rng.gamma(4, 0.05, (SIDE, SIDE)).astype(np.float32) for name in ("vv", "vh")}
    return Layer(datetime(2022, 1, 1) + timedelta(days=12 * number), f"pass-{number}", "sentinel-1a", 21, bands)


def test_radar_dates_are_appended() -> None:
    stack = build_stack([radar(i) for i in range(6)], GRID, sensor="sentinel-1", key="sentinel-1-orbit-21")
    earlier = prepare_stack(stack.isel(time=slice(0, 5)), site())
    appended = append_date(earlier, stack.isel(time=slice(5, 6)), site())
    assert appended is not None
    assert_same(earlier, appended, prepare_stack(stack, site()))
