"""The max-scan: what it finds, what it dates, and what it must leave alone."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from changedet.detect import scan
from changedet.detect.machine import build
from changedet.detect.placebo_pieces import SMALLEST_PIECE, PieceTail
from changedet.stack import check_change
from tests.detect.stacks import instant, lingering_radar, optical, periods, radar, stack_of

RATE = 0.01


def detect(stack: xr.Dataset, before: int, after: int, **settings: object) -> xr.Dataset:
    return scan.detect(stack, periods(before, after), scan.Config.model_validate(settings), RATE)


def test_a_lasting_step_is_found_and_dated() -> None:
    """VV and VH fall by 6 dB from the 34th date on, in a block of 6 × 6 pixels."""
    bands = radar(np.random.default_rng(1), 40, (60, 60))
    for values in bands.values():
        values[33:, 20:26, 30:36] /= 4
    change = detect(stack_of(bands), 30, 10)
    inside = change.isel(y=slice(21, 25), x=slice(31, 35))
    assert inside.changed.all()
    assert (inside.onset_before == instant(33)).mean() > 0.8
    assert (inside.onset_after == instant(32)).mean() > 0.8
    assert (inside.direction == -1).all()
    assert (scan.dates(inside, "date_earliest") <= instant(33)).all()
    assert (scan.dates(inside, "date_latest") >= instant(33)).all()
    outside = change.changed.values.copy()
    outside[14:32, 24:42] = False
    assert outside.mean() < 2 * RATE


def test_a_brightening_is_found_as_well() -> None:
    bands = optical(np.random.default_rng(2), 30, (50, 50))
    for values in bands.values():
        values[24:, 10:14, 10:14] += 0.1
    change = detect(stack_of(bands, sensor="sentinel-2"), 22, 8)
    assert change.changed.values[10:14, 10:14].all()
    assert (change.direction.values[10:14, 10:14] == 1).all()
    assert change.attrs["calibration_windows"] > 1


def test_the_strongest_of_several_spans_counts() -> None:
    """G of two spans is the larger of the two, pixel by pixel."""
    stack = stack_of(radar(np.random.default_rng(12), 24, (20, 20)))
    found = []
    for days in ((30.0,), (90.0,), (90.0, 30.0)):
        machine, panes = build(stack, periods(14, 10), scan.Config(after_days=days, scales=(0.0,)))
        found.append(machine.on_panes(panes, machine.reference, machine.window)[0])
    np.testing.assert_array_equal(found[2], np.maximum(found[0], found[1]))


def test_one_odd_date_is_no_lasting_change() -> None:
    """A bright date after, as a missed cloud is, among eight."""
    bands = optical(np.random.default_rng(3), 30, (50, 50))
    step = {name: values.copy() for name, values in bands.items()}
    for values in bands.values():
        values[25, 10:14, 10:14] += 0.3
    for values in step.values():
        values[25:, 10:14, 10:14] += 0.3
    odd, lasting = (detect(stack_of(b, sensor="sentinel-2"), 22, 8) for b in (bands, step))
    assert odd.score.values[10:14, 10:14].max() < lasting.score.values[10:14, 10:14].min()


def test_rain_on_the_whole_scene_is_no_change() -> None:
    """All dates after are 2 dB brighter everywhere."""
    bands = radar(np.random.default_rng(4), 30, (50, 50))
    for values in bands.values():
        values[22:] *= 1.585
    assert detect(stack_of(bands), 22, 8).changed.values.mean() < 2 * RATE


def test_the_seasons_are_no_change() -> None:
    """A yearly cycle whose amplitude differs from field to field; three years before, a quarter after."""
    rng = np.random.default_rng(5)
    bands = optical(rng, 78, (50, 50))
    amplitude = rng.uniform(0, 0.05, (50, 50))
    phase = 2 * np.pi * np.arange(78) * 15 / 365.2425
    for values in bands.values():
        values[:] += (amplitude * np.cos(phase)[:, None, None]).astype(np.float32)
    stack = stack_of(bands, sensor="sentinel-2", every=15)
    change = scan.detect(stack, periods(72, 6, every=15), scan.Config(), RATE)
    still = scan.detect(stack, periods(72, 6, every=15), scan.Config(baseline="mean"), RATE)
    assert change.changed.values.mean() < 2 * RATE
    strong = amplitude > 0.04
    assert np.median(change.score.values[strong]) < np.median(still.score.values[strong])


@pytest.mark.parametrize("after", [2, 3, 5])
@pytest.mark.parametrize("keep", [0.0, 0.44])
def test_quiet_stacks_give_uniform_p(after: int, keep: float) -> None:
    """One pixel of each of 100 quiet stacks: Kolmogorov–Smirnov against the uniform distribution.

    0.44 is the coherence that gives speckle the correlation of 0.19 measured at 12 days.
    """
    seen = []
    for seed in range(100):
        stack = stack_of(lingering_radar(np.random.default_rng(seed), 12 + after, (24, 24), keep))
        change = detect(stack, 12, after, placebos=8)
        seen.append(float(change.p_value.values[12, 12]))
    assert stats.kstest(seen, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("sensor", "make"), [("sentinel-1", radar), ("sentinel-2", optical)])
def test_chunks_change_no_byte(sensor: str, make) -> None:  # type: ignore[no-untyped-def]
    bands = make(np.random.default_rng(6), 20, (37, 53))
    for values in bands.values():
        values[3, 5:9, :] = np.nan
        values[15:, 20:24, 20:24] *= 2
    stack = stack_of(bands, sensor=sensor)
    whole = detect(stack, 14, 6)
    for rows in (1, 5, 36):
        part = detect(stack, 14, 6, rows=rows)
        for name in whole.data_vars:
            assert part[name].values.tobytes() == whole[name].values.tobytes(), (rows, name)


def test_the_order_of_dates_within_a_side_does_not_matter() -> None:
    """With one split allowed, before and after are sets: G is the same to rounding."""
    rng = np.random.default_rng(7)
    bands = radar(rng, 18, (20, 20))
    order = np.concatenate([rng.permutation(12), 12 + rng.permutation(6)])
    mixed = {name: values[order] for name, values in bands.items()}
    config = scan.Config(min_after=6, scales=(0.0,), baseline="mean")
    found = []
    for values in (bands, mixed):
        machine, panes = build(stack_of(values), periods(12, 6), config)
        found.append(machine.on_panes(panes, machine.reference, machine.window)[0])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.1, 0.9))
def test_hiding_more_never_makes_a_pixel_observable(seed: int, share: float) -> None:
    """And what is hidden below three dates before or two after is not observable, never "unchanged"."""
    rng = np.random.default_rng(seed)
    bands = radar(rng, 16, (20, 20))
    hidden = rng.random((16, 20, 20)) < share
    seen = detect(stack_of(bands), 12, 4, scales=(0.0,), placebos=4)
    less = detect(
        stack_of({n: np.where(hidden, np.nan, v) for n, v in bands.items()}), 12, 4, scales=(0.0,), placebos=4
    )
    check_change(less)
    assert not (less.observable & ~seen.observable).any()
    few = ((~hidden[:12]).sum(0) < 3) | ((~hidden[12:]).sum(0) < 2)
    assert not less.observable.values[few].any()
    assert np.isnan(less.p_value.values[few]).all()
    np.testing.assert_array_equal(less.n_before.values, (~hidden[:12]).sum(0))
    np.testing.assert_array_equal(less.n_after.values, (~hidden[12:]).sum(0))


def test_the_bracket_skips_hidden_dates() -> None:
    """The change is on date 20; dates 19 and 20 are clouded here, so it lies between 18 and 21."""
    bands = optical(np.random.default_rng(8), 28, (40, 40))
    for values in bands.values():
        values[20:, 10:14, 10:14] += 0.15
        values[19:21, 10:14, 10:14] = np.nan
    change = detect(stack_of(bands, sensor="sentinel-2"), 18, 10)
    here = change.isel(y=slice(10, 14), x=slice(10, 14))
    assert here.changed.all()
    assert (here.onset_after == instant(18)).all()
    assert (here.onset_before == instant(21)).all()


def test_a_short_archive_says_so_and_is_cautious() -> None:
    stack = stack_of(radar(np.random.default_rng(9), 6, (40, 40)))
    change = detect(stack, 4, 2)
    assert change.attrs["calibration_windows"] == 0
    assert "too short" in change.attrs["calibration_note"]
    assert change.changed.values.mean() <= RATE


def test_too_few_dates_observe_nothing() -> None:
    change = detect(stack_of(radar(np.random.default_rng(10), 4, (20, 20))), 2, 2)
    assert not change.observable.any()
    assert not change.changed.any()


def test_nothing_changes_in_real_radar(data: Path) -> None:
    """Of the burst's twelve windows tried, the share flagged at 5 % lies between half and one and a half of it."""
    from benchmarks.real import rtc_stack, split

    stack = rtc_stack(data, "t137-292319-iw2")
    shares = []
    for k in range(9, 18, 3):
        change = scan.detect(stack, split(stack, k, 3), scan.Config(), 0.05)
        shares.append(change.changed.values[change.observable.values].mean())
    assert 0.025 <= np.mean(shares) <= 0.075


def test_the_heaviest_piece_of_a_quiet_map_is_as_rare_as_it_says(data: Path) -> None:
    """Bonferroni's p of a whole map of real radar without change: at most 0.05 in one map of twenty.

    Twelve maps, of which two or more may be so by chance in 12 % of the cases, four or more in 0.2 %.
    """
    from benchmarks.real import BURSTS, rtc_stack, split

    beyond = 0
    for burst in BURSTS:
        stack = rtc_stack(data, burst)
        for first in range(9, 19, 3):
            change = scan.detect(stack, split(stack, first, 3), scan.Config(), RATE)
            tail = PieceTail.of(change.attrs)
            assert tail is not None
            labels, count = ndimage.label(change.changed.values, np.ones((3, 3)))
            mass = ndimage.sum_labels(np.log(RATE / change.p_value.values), labels, np.arange(1, count + 1))
            tested = ndimage.sum_labels(np.ones(labels.shape), labels, np.arange(1, count + 1)) >= SMALLEST_PIECE
            beyond += np.exp(tail.log_p(mass[tested])).min() * tested.sum() <= 0.05
    assert beyond < 4
