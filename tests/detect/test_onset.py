"""When a change began: the largest G of near pixels together, and a bracket that holds the true date."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.detect import scan
from changedet.detect.onset import NAMES, dates, inflation, pooled
from tests.detect.stacks import instant, lingering_radar, periods, radar, stack_of

NONE = (0.0, 0.0, 0.0)


def dated(curve: list[float], valid: list[int], limits: tuple[float, float, float]) -> dict[str, int]:
    """Of one pixel whose window is the dates from 10 on, and whose last valid reference date is 7."""
    g, seen = np.array(curve, np.float32)[:, None], np.array(valid, bool)[:, None]
    window = np.arange(10, 10 + len(curve), dtype=np.int32)
    found = dates(g, seen, window, np.array([7], np.int32), limits)
    return dict(zip(NAMES, found[:, 0].tolist(), strict=True))


def test_the_bracket_holds_what_comes_near_the_largest() -> None:
    """By hand: 20 is the largest; 9 below it is 11, three fifths below it is 8, at most 11 below it is 9."""
    curve, valid = [1, 9, 12, -1, 20, 10, 3], [1, 1, 1, 0, 1, 1, 1]
    close = dated(curve, valid, (9, 99, 0))
    assert close == dict(zip(NAMES, (14, 12, 12, 11, 14), strict=True))
    wide = dated(curve, valid, (9, 99, 0.6))
    assert wide == dict(zip(NAMES, (14, 12, 11, 10, 15), strict=True))
    assert dated([1, 8, 12, -1, 20, 8, 3], valid, (9, 99, 0.6)) == wide
    assert dated([1, 8, 12, -1, 20, 8, 3], valid, (9, 11, 0.6)) == close
    first = dated([20, 1, 1], [1, 1, 1], NONE)
    assert first == dict(zip(NAMES, (10, 7, 10, 7, 10), strict=True))


def test_no_candidate_has_no_date() -> None:
    assert set(dated([-1, -1], [1, 0], (9, 9, 0.6)).values()) == {-1}


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.floats(0, 100, width=32), min_size=1, max_size=12), st.floats(0, 20), st.floats(0, 0.9))
def test_the_bracket_holds_the_date_and_grows_with_its_limits(curve: list[float], drop: float, share: float) -> None:
    valid = [1] * len(curve)
    narrow, wide = dated(curve, valid, (drop, 30, share)), dated(curve, valid, (drop + 5, 40, share + 0.05))
    assert narrow["date_earliest"] <= narrow["date_changed"] <= narrow["date_latest"]
    assert narrow["date_before_earliest"] < narrow["date_earliest"]
    assert wide["date_earliest"] <= narrow["date_earliest"]
    assert wide["date_latest"] >= narrow["date_latest"]


def test_pooling_averages_near_pixels_that_have_a_value() -> None:
    """A constant stays; a gap stays one, and takes nothing from its neighbours; what lies alone is shared."""
    curve = np.full((2, 100), 4, np.float32)
    curve[0, 33] = -1
    np.testing.assert_allclose(pooled(curve.copy(), 10, 1.5), curve, rtol=1e-5)
    alone = np.zeros((1, 400), np.float32)
    alone[0, 210] = 8
    shared = pooled(alone.copy(), 20, 1.0)[0].reshape(20, 20)
    assert 0 < shared[10, 9] < shared[10, 10] < 8
    np.testing.assert_allclose(shared.sum(), 8, rtol=1e-4)
    assert pooled(alone, 20, 0) is alone


@pytest.mark.parametrize(("fall", "widest"), [(2, 11), (4, 5)])
def test_the_bracket_holds_a_step_in_lingering_speckle(fall: float, widest: int) -> None:
    """VV and VH fall by 3 or 6 dB on a date of a window of 12, in 200 stacks whose speckle lingers (0.19 at 12 days).

    Half of the larger steps are known to less than half of the window.
    """
    held, widths = 0, []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        step = 16 + int(rng.integers(0, 11))
        bands = lingering_radar(rng, 28, (14, 14), 0.44)
        for values in bands.values():
            values[step:, 4:10, 4:10] /= fall
        change = scan.detect(stack_of(bands), periods(16, 12), scan.Config(placebos=0), 1.0)
        pixel = change.isel(y=7, x=7)
        first, last = int(pixel.date_before_earliest), int(pixel.date_latest)
        held += first < step <= last
        widths.append(last - first)
    assert held >= 180
    assert np.median(widths) <= widest


def test_noise_that_lingers_is_measured() -> None:
    """G of one date and two bands is χ² with two degrees of freedom; of twice the variance, twice that."""
    g = np.random.default_rng(3).chisquare(2, (5, 4000)).astype(np.float32)
    g[1, ::3] = -1
    assert inflation([g], 2) == pytest.approx(1, abs=0.05)
    assert inflation([2 * g[:, :2000] + (g[:, :2000] < 0), 2 * np.abs(g[:, 2000:])], 2) == pytest.approx(2, rel=0.1)
    assert inflation([g / 3], 2) == 1
    assert inflation([np.full((2, 5), -1, np.float32)], 2) == 1


def test_a_fall_that_passes_is_found_where_its_span_is_looked_at() -> None:
    """Three images 4 dB down, at 12 days, in a window of 30: a burn of a forest that grows over."""
    bands = radar(np.random.default_rng(11), 60, (40, 40))
    for values in bands.values():
        values[38:41, 10:16, 10:16] /= 2.5
    stack, inner = stack_of(bands), (slice(11, 15), slice(11, 15))
    found = scan.detect(stack, periods(30, 30), scan.Config(), 0.01)
    long = scan.detect(stack, periods(30, 30), scan.Config(after_days=float("inf")), 0.01)
    assert found.changed.values[inner].all()
    assert (found.score.values > long.score.values)[inner].all()
    assert (scan.dates(found, "date_changed")[inner] == instant(38)).mean() > 0.8
