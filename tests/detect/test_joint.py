"""Optical and radar pairs in one score: what each sees helps, and neither hides what only the other saw."""

from __future__ import annotations

import numpy as np
import xarray as xr

from changedet.detect import joint, pair
from changedet.detect.choose import detect_changes
from changedet.site import DetectSpec
from tests.detect.pairs import BUILT, PERIODS, SIDE, SIX, auroc, built, speckled

SPEC = DetectSpec(false_alarm_rate=0.01)


def faint(seed: int = 0) -> xr.Dataset:
    """The optical pair with the new roofs hardly brighter than the noise, 0.0015 of reflectance."""
    stack = built(seed=seed)
    for band in SIX:
        stack[band].values[1][BUILT] -= np.float32(0.1485)
    return stack


def maps(optical: xr.Dataset, radar: xr.Dataset) -> dict[str, xr.Dataset]:
    stacks = {"sentinel-2": optical, "sentinel-1-orbit-021": radar}
    return {key: pair.detect(stack, PERIODS, pair.Config(), 0.01) for key, stack in stacks.items()}


def test_radar_lifts_what_the_optical_pair_hardly_shows() -> None:
    both = maps(faint(), speckled(BUILT))
    joined = joint.joint_map(both, 0.01)
    assert auroc(joined.score.values, BUILT) > auroc(both["sentinel-2"].score.values, BUILT) + 0.01


def test_radar_without_change_takes_nothing_away() -> None:
    both = maps(built(), speckled(np.zeros((SIDE, SIDE), bool)))
    joined = joint.joint_map(both, 0.01)
    assert joined.changed.values[BUILT].mean() > 0.9
    assert joined.changed.values[:40].mean() < 0.01


def test_where_the_optical_pair_is_hidden_radar_decides() -> None:
    optical = built()
    for band in SIX:
        optical[band].values[1, :, 80:] = np.nan
    optical.valid.values[1, :, 80:] = False
    both = maps(optical, speckled(BUILT))
    joined = joint.joint_map(both, 0.01)
    assert joined.observable.values.all()
    assert joined.changed.values[BUILT].mean() > 0.8
    assert (joined.n_before.values[:, 80:] == 1).all()
    assert (joined.n_before.values[:, :80] == 2).all()


def test_pipeline_joins_pairs_of_both_sensors_with_their_bracket() -> None:
    stacks = {"sentinel-2": built(), "sentinel-1-orbit-021": speckled(BUILT)}
    found, change, _ = detect_changes(stacks, PERIODS, SPEC)
    assert joint.applies(found)
    assert change.attrs["key"] == "sentinel-2+sentinel-1-orbit-021"
    changed = change.changed.values
    assert (change.onset_after.values[changed] == np.datetime64("2024-06-20")).all()
    assert (change.onset_before.values[changed] == np.datetime64("2024-07-10")).all()


def test_radar_alone_and_other_detectors_are_combined_as_before() -> None:
    both = maps(built(), speckled(BUILT))
    assert not joint.applies({"sentinel-2": both["sentinel-2"]})
    assert not joint.applies({"sentinel-1-orbit-021": both["sentinel-1-orbit-021"]})
    scanned = both["sentinel-1-orbit-021"].assign_attrs(detector="scan")
    assert not joint.applies({**both, "sentinel-1-orbit-021": scanned})
