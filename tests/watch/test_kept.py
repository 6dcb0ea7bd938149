"""Prepared stacks are kept: only what is new is touched, and whatever happened to the files, the stack is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import xarray as xr

from changedet.prepare.steps import PreparedStack, prepare_stack
from changedet.site import Site, Zone
from changedet.store import Store
from changedet.watch import kept
from changedet.watch.kept import STATE, Dates, KeptStacks
from changedet.watch.layers import MovedDates
from tests.prepare.dated import GRID, assert_same, layer, site

COUNT = 12
LAYERS = tuple(layer(i, cloud=2 * (i % 2), shift=0.3 * (i % 3 == 1)) for i in range(COUNT))
EVERY = Dates("sentinel-2", "sentinel-2", False, tuple(f"date-{i}" for i in range(COUNT)), LAYERS)


def first(count: int) -> Dates:
    return replace(EVERY, names=EVERY.names[:count], layers=LAYERS[:count])


def prepared(folder: Path, dates: Dates, of: Site | None = None) -> tuple[PreparedStack, int]:
    """The stack, and how many dates were put on the grid for it."""
    store, touched = Store(folder), []

    def build(self: Dates, *args: object) -> xr.Dataset:
        stack = built(self, *args)
        touched.append(stack.sizes["time"])
        return stack

    built: Callable[..., xr.Dataset] = Dates.stack
    with patch.object(Dates, "stack", build):
        one = KeptStacks(store, "archive", of or site(), GRID, MovedDates(store)).prepare(dates)
    return one, sum(touched)


@pytest.fixture(scope="module")
def whole() -> PreparedStack:
    return prepare_stack(EVERY.stack(GRID), site())


def assert_whole(one: PreparedStack, whole: PreparedStack) -> None:
    assert_same([one.stack], whole.stack)
    assert (one.dropped, one.notes, one.stack.attrs) == (whole.dropped, whole.notes, whole.stack.attrs)


def test_date_by_date_only_the_new_one_is_touched(tmp_path: Path, whole: PreparedStack) -> None:
    assert prepared(tmp_path, first(4))[1] == 4
    for count in range(5, COUNT + 1):
        one, touched = prepared(tmp_path, first(count))
        assert touched == 1
    assert_whole(one, whole)
    one, touched = prepared(tmp_path, EVERY)
    assert touched == 0
    assert_whole(one, whole)


def test_several_new_dates_at_once(tmp_path: Path, whole: PreparedStack) -> None:
    prepared(tmp_path, first(6))
    one, touched = prepared(tmp_path, EVERY)
    assert touched == COUNT - 6
    assert_whole(one, whole)


def test_a_kill_between_the_pixels_and_the_state_costs_nothing(tmp_path: Path, whole: PreparedStack) -> None:
    prepared(tmp_path, first(8))
    with patch.object(kept, "writing", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        prepared(tmp_path, EVERY)
    assert_whole(prepared(tmp_path, EVERY)[0], whole)


@pytest.mark.parametrize("damage", ["removed", "cut", "no bands"])
def test_what_is_damaged_is_made_again(tmp_path: Path, whole: PreparedStack, damage: str) -> None:
    prepared(tmp_path, first(8))
    (state,) = tmp_path.rglob(STATE)
    if damage == "removed":
        state.unlink()
    elif damage == "cut":
        state.write_bytes(state.read_bytes()[:1000])
    else:
        for band in tmp_path.rglob("*.raw"):
            band.write_bytes(b"")
    one, touched = prepared(tmp_path, EVERY)
    assert touched >= COUNT
    assert_whole(one, whole)


def test_a_date_in_between_that_came_late_has_all_prepared_again(tmp_path: Path, whole: PreparedStack) -> None:
    without = replace(EVERY, names=EVERY.names[:5] + EVERY.names[6:], layers=LAYERS[:5] + LAYERS[6:])
    prepared(tmp_path, without)
    one, touched = prepared(tmp_path, EVERY)
    assert touched == COUNT
    assert_whole(one, whole)


def test_a_site_with_another_zone_is_prepared_again(tmp_path: Path) -> None:
    prepared(tmp_path, first(8))
    west, south, east, north = GRID.extent.to_crs("EPSG:4326").boundingbox
    zone = Zone(name="Hall", center=((west + east) / 2, (south + north) / 2), radius=60)
    other = site().model_copy(update={"zones": (zone,)})
    one, touched = prepared(tmp_path, first(8), other)
    assert touched == 8
    assert_whole(one, prepare_stack(first(8).stack(GRID), other))


def test_what_a_look_writes_into_its_stack_stays_out_of_the_files(tmp_path: Path, whole: PreparedStack) -> None:
    prepared(tmp_path, EVERY)
    one, _ = prepared(tmp_path, EVERY)
    one.stack["red"].values[:] = 0
    assert_whole(prepared(tmp_path, EVERY)[0], whole)
