"""A date appended to a prepared stack gives what preparing all dates anew gives, or says that it cannot."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.prepare.steps import PreparedStack, append_date, prepare_stack
from changedet.stack import Layer, build_stack
from tests.prepare.dated import GRID, assert_same, layer, radar, site, stack_of


def grown(layers: list[Layer]) -> tuple[PreparedStack, PreparedStack | None, PreparedStack]:
    """All but the last date prepared, the last appended to them, and all prepared together."""
    earlier = prepare_stack(stack_of(layers[:-1]), site())
    return earlier, append_date(earlier, stack_of(layers[-1:]), site()), prepare_stack(stack_of(layers), site())


def assert_appended(earlier: PreparedStack, appended: PreparedStack, whole: PreparedStack) -> None:
    assert_same([earlier.stack, appended.stack], whole.stack)
    assert (appended.dropped, appended.notes) == (whole.dropped, whole.notes)


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
        assert_appended(earlier, appended, whole)


def one_more(*, then: dict[str, float], count: int = 9) -> tuple[PreparedStack, PreparedStack | None, PreparedStack]:
    return grown([*(layer(i, cloud=0 if i == 2 else 2) for i in range(count)), layer(count, **then)])


def test_a_date_like_the_others_is_appended() -> None:
    earlier, appended, whole = one_more(then={"cloud": 2, "shift": 0.4})
    assert appended is not None
    assert_appended(earlier, appended, whole)
    assert appended.stack.registration.values.tolist() == ["moved"]


def test_a_date_under_cloud_leaves_only_its_reason() -> None:
    earlier, appended, whole = one_more(then={"cloud": 46})
    assert appended is not None
    assert appended.stack.sizes["time"] == 0
    assert_appended(earlier, appended, whole)
    assert appended.hidden[-1][0] == "scene-9"


def test_a_date_far_off_is_refused_as_ever() -> None:
    earlier, appended, whole = one_more(then={"cloud": 2, "shift": 3.0})
    assert appended is not None
    assert_appended(earlier, appended, whole)
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


def test_radar_dates_are_appended() -> None:
    stack = build_stack([radar(i) for i in range(6)], GRID, sensor="sentinel-1", key="sentinel-1-orbit-21")
    earlier = prepare_stack(stack.isel(time=slice(0, 5)), site())
    appended = append_date(earlier, stack.isel(time=slice(5, 6)), site())
    assert appended is not None
    assert_appended(earlier, appended, prepare_stack(stack, site()))
