"""The steps in order: clouds off, unusable dates out, offsets right, each date on one grid to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.prepare import cloudless, clouds, coregister, jumps, offsets
from changedet.site import Site
from changedet.stack import geobox_of, ring_mask, take_dates

MOST_IGNORED = 0.5
"""Share of the area above which the facility is not left out when shifts and offsets are measured."""
PAIR_GATE = 2.0
"""Pixels: with two dates only, a refused date would leave nothing, and the change of grid may be large."""
LEAST_DATES = 3
"""Below that a further date is met otherwise: see ``PAIR_GATE``."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Stacks that are comparable, and what was left out on the way."""

    stacks: Mapping[str, xr.Dataset]
    dropped: tuple[tuple[str, str], ...]
    """Scene id and the reason, for each date that was read but not used."""
    notes: tuple[str, ...]


Reasons = tuple[tuple[str, str], ...]
"""Scene ids, each with the reason why its date is not used."""


@dataclass(frozen=True, slots=True)
class PreparedStack:
    """One stack that is comparable, and what tells whether a further date changes what was done to the others."""

    stack: xr.Dataset
    hidden: Reasons = ()
    """Dates of which too little can be seen."""
    suspect: Reasons = ()
    """Dates whose offset nobody can vouch for."""
    refused: Reasons = ()
    """Dates that lie too far off the others."""
    told: tuple[str, ...] = ()
    """Of the masking of clouds."""
    roofs: clouds.Roofs | None = None
    """Of an optical stack with a classification."""
    compared: jumps.Compared | None = None
    decided: offsets.Decided | None = None
    """Of the offsets of an optical stack of at least two dates."""

    @property
    def dropped(self) -> Reasons:
        """Every date that was read but not used."""
        return (*self.hidden, *self.suspect, *self.refused)

    @property
    def notes(self) -> tuple[str, ...]:
        """For the reader."""
        return (*self.told, *(self.decided.notes if self.decided else ()))


def prepare_stacks(
    stacks: Mapping[str, xr.Dataset],
    site: Site,
    progress: Progress | None = None,
    known: coregister.Known | None = None,
    classifier: cloudless.Classifier | None = None,
) -> Prepared:
    """Make the dates of each stack comparable; ``known`` dates are not measured again.

    Parameters
    ----------
    classifier : of clouds, in place of s2cloudless where that would be used

    Raises
    ------
    InputError
        When the site asks for a cloud model that is not installed.
    """
    if classifier is None:
        cloudless.check_asked(site)
    ready: dict[str, PreparedStack] = {}
    for done, (key, stack) in enumerate(stacks.items()):
        ready[key] = prepare_stack(stack, site, known, classifier)
        if progress is not None:
            progress("prepare", done + 1, len(stacks))
    return together(ready)


def together(ready: Mapping[str, PreparedStack]) -> Prepared:
    """All stacks that have a date left."""
    return Prepared(
        {key: one.stack for key, one in ready.items() if one.stack.sizes["time"]},
        tuple(reason for one in ready.values() for reason in one.dropped),
        tuple(note for one in ready.values() for note in one.notes),
    )


def prepare_stack(
    stack: xr.Dataset,
    site: Site,
    known: coregister.Known | None = None,
    classifier: cloudless.Classifier | None = None,
) -> PreparedStack:
    """Make the dates of one stack comparable; as ``prepare_stacks``."""
    facility = facility_mask(site, stack)
    roofs = clouds.Roofs.count(stack.scl.values) if "scl" in stack else None
    clear, hidden, told = _clear(stack, site, facility, roofs, classifier)
    if not _optical(clear) or clear.sizes["time"] < 2:
        return PreparedStack(clear, hidden, told=told, roofs=roofs)
    checked = offsets.check_offsets(clear, ignore=_stable(facility))
    moved, refused = _coregistered(checked.stack, facility, known)
    return PreparedStack(moved, hidden, checked.dropped, refused, told, roofs, checked.compared, checked.decided)


def append_date(
    one: PreparedStack,
    date: xr.Dataset,
    site: Site,
    known: coregister.Known | None = None,
    classifier: cloudless.Classifier | None = None,
) -> PreparedStack | None:
    """A prepared stack with one more date, later than all others: only that date is touched.

    The result is that of ``prepare_stack`` of all dates, but its ``stack`` holds the new date alone, or nothing where
    that is not used. None where the new date changes what was done to the others; then all are to be prepared again.

    Parameters
    ----------
    date : Stack of the one date, not prepared
    """
    facility = facility_mask(site, date)
    roofs = None
    if one.roofs is not None and "scl" in date:
        roofs = one.roofs + clouds.Roofs.count(date.scl.values)
    clear, hidden, told = _clear(date, site, facility, roofs, classifier)
    if told != one.told or (roofs is None) != (one.roofs is None):
        return None
    if roofs is not None and one.roofs is not None and (roofs.mask != one.roofs.mask).any():
        return None
    more = replace(one, hidden=(*one.hidden, *hidden), roofs=roofs, stack=clear)
    if hidden or not _optical(date):
        return more
    return _checked_date(one, more, facility, known)


def _checked_date(
    one: PreparedStack, more: PreparedStack, facility: NDArray[np.bool_], known: coregister.Known | None
) -> PreparedStack | None:
    """``more`` with its date's offset right, and on the reference date of ``one``."""
    date, stack, stable, settings = more.stack, one.stack, _stable(facility), offsets.Config()
    if one.compared is None or one.decided is None or stack.sizes["time"] < LEAST_DATES:
        return None
    compared = jumps.compare(date, settings.least_cells, stable, one.compared)
    now = offsets.decide(date, compared, settings)
    if not _alike(one.decided, now):
        return None
    mended, lost = offsets.apply(date, now.of_last())
    reference = int(np.flatnonzero(stack.registration.values == "reference")[0])
    fixed = take_dates(stack, np.array([reference])).drop_vars(["shift_y", "shift_x", "shift_residual", "registration"])
    if int(date.valid.values.sum()) > int(fixed.valid.values.sum()) and mended.sizes["time"]:
        return None
    suspect = (*one.suspect, *lost)
    more = replace(more, suspect=suspect, compared=compared, decided=now, stack=mended)
    if not mended.sizes["time"]:
        return more
    both = xr.concat([fixed, mended], "time", coords="minimal", compat="override", combine_attrs="override")
    moved, refused = _coregistered(both, facility, known, reference=0)
    return replace(more, refused=(*one.refused, *refused), stack=moved.isel(time=slice(1, None)))


def _alike(before: offsets.Decided, now: offsets.Decided) -> bool:
    """Whether one more date leaves the others as they were."""
    if before.fix is None or now.fix is None:
        return before.fix is None and now.fix is None
    return bool((before.fix == now.fix[:-1]).all() and (before.lost == now.lost[:-1]).all())


def _clear(
    stack: xr.Dataset,
    site: Site,
    facility: NDArray[np.bool_],
    roofs: clouds.Roofs | None,
    classifier: cloudless.Classifier | None,
) -> tuple[xr.Dataset, Reasons, tuple[str, ...]]:
    """Clouds off, and only the dates that show enough of the facility."""
    told: tuple[str, ...] = ()
    if _optical(stack):
        spec = site.sensors.get("sentinel-2")
        stack, told = cloudless.mask_cloudless(stack, spec is not None and spec.cloud_mask is not None, classifier)
    masked = clouds.mask_clouds(stack, clouds.Config(), None if roofs is None else roofs.mask)
    masked = clouds.clear_shares(masked, facility)
    clear, hidden = clouds.keep_clear(masked, clouds.Config().least_clear)
    return clear, tuple((scene, f"only {share:.0%} of the facility can be seen") for scene, share in hidden), told


def _optical(stack: xr.Dataset) -> bool:
    """Whether offsets and shifts are measured: of optical stacks."""
    return bool(stack.attrs["sensor"] == "sentinel-2")


def _coregistered(
    stack: xr.Dataset, facility: NDArray[np.bool_], known: coregister.Known | None, reference: int | None = None
) -> tuple[xr.Dataset, tuple[tuple[str, str], ...]]:
    """Every date on the clearest one, measured outside the facility where enough lies outside; refused dates out."""
    gate = PAIR_GATE if stack.sizes["time"] == 2 and reference is None else coregister.Config().gate
    config = coregister.Config(gate=gate)
    moved = coregister.coregister(stack, config, reference=reference, ignore=_stable(facility), known=known)
    refused = moved.registration.values == "refused"
    shifts = np.hypot(moved.shift_y.values, moved.shift_x.values)
    dropped = tuple(
        (str(moved.scene_id.values[i]), f"its image lies {shifts[i]:.1f} pixels off the others")
        for i in np.flatnonzero(refused)
    )
    return take_dates(moved, np.flatnonzero(~refused)), dropped


def _stable(facility: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The facility, as ground that may have changed; None where little else would be left."""
    return None if facility.mean() > MOST_IGNORED else facility


def facility_mask(site: Site, grid: xr.Dataset) -> NDArray[np.bool_]:
    """Where the facility lies: its zones where the site names any, else the whole area. bool (y, x)"""
    geobox = geobox_of(grid)
    rings = [zone.ring() for zone in site.zones] or [site.ring]
    mask = np.zeros(geobox.shape, bool)
    for ring in rings:
        mask |= ring_mask(ring, geobox)
    return mask
