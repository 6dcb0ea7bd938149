"""The Stack and ChangeMap contracts: the one grid, the builders, and every way to break them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from changedet.errors import ContractError
from changedet.site import Circle, Period
from changedet.stack import (
    CHANGE_VARIABLES,
    Layer,
    Periods,
    band_names,
    build_stack,
    change_map,
    check_change,
    check_stack,
    geobox_of,
    site_geobox,
)

GEOBOX = GeoBox.from_bbox((500_000, 3_900_000, 500_040, 3_900_030), crs="EPSG:32637", resolution=10)


def layer(day: int, *, orbit: int = 50, fill: float = 0.2, bands: tuple[str, ...] = ("red", "nir")) -> Layer:
    values = {band: np.full(GEOBOX.shape, fill, np.float32) for band in bands}
    return Layer(datetime(2025, 1, day, 8, tzinfo=UTC), f"scene-{day}", "sentinel-2a", orbit, values)


def optical() -> xr.Dataset:
    return build_stack([layer(1), layer(6), layer(11)], GEOBOX, sensor="sentinel-2", key="sentinel-2")


def radar() -> xr.Dataset:
    layers = [layer(day, orbit=137, bands=("vv", "vh")) for day in (1, 13)]
    return build_stack(layers, GEOBOX, sensor="sentinel-1", key="sentinel-1-orbit-137")


@settings(max_examples=40, deadline=None)
@given(st.floats(-179, 179), st.floats(-70, 75), st.floats(100, 3000), st.sampled_from([5.0, 10.0, 20.0, 30.0]))
def test_the_grid_is_utm_snapped_north_up_and_covers_the_area(
    lon: float, lat: float, radius: float, res: float
) -> None:
    ring = Circle(center=(lon, lat), radius=radius).ring()
    geobox = site_geobox(ring, res)
    zone = math.floor((lon + 180) / 6) + 1
    near_border = abs((lon + 180) / 6 - round((lon + 180) / 6)) < 1e-6 or abs(lat) < 1e-6
    assert near_border or geobox.crs.epsg == (32600 if lat >= 0 else 32700) + zone
    transform = geobox.transform
    assert (transform.a, transform.b, transform.d, transform.e) == (res, 0, 0, -res)
    assert transform.c % res == 0
    assert transform.f % res == 0
    span = 2 * radius / res
    assert span * 0.95 <= geobox.shape.x <= span * 1.05 + 2
    assert span * 0.95 <= geobox.shape.y <= span * 1.05 + 2


def test_layers_are_put_in_order_of_time() -> None:
    stack = build_stack([layer(11), layer(1), layer(6)], GEOBOX, sensor="sentinel-2", key="k")
    assert stack.scene_id.values.tolist() == ["scene-1", "scene-6", "scene-11"]
    assert str(stack.time.values[0]) == "2025-01-01T08:00:00.000000000"
    assert stack.time.dtype == np.dtype("datetime64[ns]")
    assert geobox_of(stack) == GEOBOX
    assert stack.attrs["quantity"] == "reflectance"
    assert radar().attrs["quantity"] == "gamma0"


def test_a_pixel_is_valid_where_every_band_is() -> None:
    first = layer(1)
    first.bands["red"][0, 0] = np.nan
    stack = build_stack([first, layer(6)], GEOBOX, sensor="sentinel-2", key="k")
    assert not stack.valid.values[0, 0, 0]
    assert np.isnan(stack.nir.values[0, 0, 0])  # the other band is hidden too
    assert stack.valid.values.sum() == 2 * 12 - 1


def test_a_band_that_a_date_lacks_is_dropped_for_all() -> None:
    stack = build_stack([layer(1, bands=("red", "nir", "swir22")), layer(6)], GEOBOX, sensor="sentinel-2", key="k")
    assert band_names(stack) == ("red", "nir")


def test_bands_come_in_the_order_of_their_wavelength() -> None:
    stack = build_stack([layer(1, bands=("nir", "blue", "red"))], GEOBOX, sensor="sentinel-2", key="k")
    assert band_names(stack) == ("blue", "red", "nir")


def test_nothing_to_stack_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="no layers"):
        build_stack([], GEOBOX, sensor="sentinel-2", key="k")
    with pytest.raises(ContractError, match="no band is common"):
        build_stack([layer(1, bands=("red",)), layer(2, bands=("nir",))], GEOBOX, sensor="sentinel-2", key="k")


def test_sides_are_the_days_of_both_periods_and_never_overlap() -> None:
    periods = Periods(
        Period(first=date(2025, 1, 1), last=date(2025, 1, 6)), Period(first=date(2025, 1, 7), last=date(2025, 1, 10))
    )
    before, after = periods.sides(optical())
    assert before.tolist() == [True, True, False]
    assert after.tolist() == [False, False, False]  # the third date is a day after the window


BROKEN_STACKS: list[tuple[str, Callable[[], xr.Dataset], str]] = [
    ("schema", lambda: optical().assign_attrs(schema="other"), "schema"),
    ("no band", lambda: optical().drop_vars(["red", "nir"]), "no band"),
    ("float64", lambda: optical().assign(red=optical().red.astype("float64")), "red must be float32"),
    ("valid as int", lambda: optical().assign(valid=optical().valid.astype("int8")), "valid must be bool"),
    ("no valid", lambda: optical().drop_vars("valid"), "valid must be bool"),
    ("dims", lambda: optical().transpose("y", "x", "time"), r"dims \(time, y, x\)"),
    ("backwards", lambda: optical().isel(time=[2, 1, 0]), "strictly increasing"),
    ("twice", lambda: optical().isel(time=[0, 0, 1]), "strictly increasing"),
    ("no ids", lambda: optical().drop_vars("scene_id"), "scene_id per time is missing"),
    ("no platform", lambda: optical().drop_vars("platform"), "platform per time is missing"),
    ("one orbit for all", lambda: optical().assign_coords(relative_orbit=1), "relative_orbit per time is missing"),
    ("mixed orbits", lambda: radar().assign_coords(relative_orbit=("time", [137, 64])), "relative orbits are mixed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words"), [case[1:] for case in BROKEN_STACKS], ids=[case[0] for case in BROKEN_STACKS]
)
def test_each_broken_stack_is_refused(make: Callable[[], xr.Dataset], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check_stack(make())


def test_optical_orbits_may_differ() -> None:
    assert check_stack(optical().assign_coords(relative_orbit=("time", [50, 93, 50]))) is not None


def change(**values: object) -> xr.Dataset:
    shape = GEOBOX.shape
    arrays = {name: np.zeros(shape, dtype) for name, dtype in CHANGE_VARIABLES.items()}
    arrays["observable"][:] = True
    arrays["p_value"][:] = 0.5
    arrays["onset_after"][:] = np.datetime64("2025-01-06", "ns")
    for name, value in values.items():
        arrays[name][0, 0] = value
    return change_map(optical(), arrays, detector="test")


def test_truth_is_three_valued() -> None:
    made = change(changed=True)
    assert made.changed.values.sum() == 1
    hidden = change(changed=True, observable=False)
    assert not hidden.changed.values.any()  # not observable is neither changed ...
    assert np.isnan(hidden.p_value.values[0, 0])  # ... nor unchanged
    assert np.isnan(hidden.score.values[0, 0])


def test_only_changed_pixels_have_an_onset() -> None:
    onset = change(changed=True).onset_after.values
    assert onset[0, 0] == np.datetime64("2025-01-06")
    assert np.isnat(onset).sum() == 11


def broken(name: str, value: object, dtype: str | None = None) -> xr.Dataset:
    made = change(observable=False)
    values = made[name].values.astype(dtype or made[name].dtype)
    values[0, 0] = value
    return made.assign({name: (("y", "x"), values)})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: change().assign_attrs(schema="other"), "schema"),
        (lambda: change().drop_vars("n_after"), "n_after must be int16"),
        (lambda: change().transpose("x", "y"), r"dims \(y, x\)"),
        (lambda: broken("score", 1, "float64"), "score must be float32"),
        (lambda: broken("changed", True), "not observable is marked as changed"),
        (lambda: broken("p_value", 0.5), "not observable has a p-value"),
    ],
)
def test_each_broken_change_map_is_refused(make: Callable[[], xr.Dataset], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check_change(make())
