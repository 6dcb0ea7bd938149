"""Checks by the pixels that every date's reflectance offset is right, and corrects the dates on which it is not.

Since processing baseline 04.00 digital numbers carry an offset of 1000 (Sentinel-2 Products Specification Document,
PSD 14.9), a reflectance of 0.10. Archives sometimes word it wrongly, and then every band of such a date stands 0.10
too high or too low, dark ground and bright ground alike. Haze brightens dark ground and hardly the bright; seasons
move the near infrared against the visible; neither is mistaken for an offset.

Dates of one season are compared two by two, so that one hazy date hides nothing and a block of wrong dates is seen
from every right one. Levels of 0, +0.10 and -0.10 are then given to the dates so that most comparisons agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from changedet.prepare.jumps import Compared, compare, thirds
from changedet.stack import band_names, check_stack
from changedet.values import Frozen

OFFSET = 0.1
"""Reflectance that a wrong offset adds to, or takes from, every band."""
VISIBLE = ("blue", "green", "red")
UNKNOWN, NOT_COMPARED = 9, -9
"""In place of a relation of two dates: they do not tell, or nobody asked."""
LEAST_JUMPS = 2
SUSPECT = "offset-suspect: it lies among dates with a wrong offset, and its pixels do not tell which offset is right"


class Config(Frozen):
    """How near to 0.10 a jump must be, and how alike in all bands."""

    tolerance: float = Field(default=0.05, gt=0, le=0.05, description="reflectance; near infrared aside")
    spread: float = Field(default=0.06, gt=0, description="reflectance; most between bands, near infrared aside")
    tolerance_nir: float = Field(
        default=0.1, gt=0, le=0.1, description="reflectance, in the near infrared, which follows the leaves"
    )
    least_share: float = Field(
        default=0.4, gt=0, le=1, description="share of a date's comparisons with right dates that must show the jump"
    )
    least_contrast: float = Field(
        default=0.7, ge=0, lt=1, description="of a single wrong date, in units of that of the dates beside it"
    )
    least_cells: int = Field(default=100, ge=10, description="clear pixels that two dates must share")
    below_zero: float = Field(default=-0.02, lt=0, description="reflectance of dark ground that cannot be")
    lifted: float = Field(
        default=0.09, gt=0, description="reflectance of the darkest ground in every visible band that betrays an offset"
    )


@dataclass(frozen=True, slots=True)
class Decided:
    """How far each date is to be corrected, and what is to be said."""

    fix: NDArray[np.float32] | None
    """Reflectance to add per date; None where nothing is to be corrected."""
    lost: NDArray[np.bool_]
    """Dates that nobody can vouch for."""
    notes: tuple[str, ...] = ()

    def of_last(self) -> Decided:
        """What concerns the last date."""
        return Decided(None if self.fix is None else self.fix[-1:], self.lost[-1:], self.notes)


@dataclass(frozen=True, slots=True)
class Checked:
    """A stack with its offsets right, what was said, and the dates that nobody can vouch for."""

    stack: xr.Dataset
    dropped: tuple[tuple[str, str], ...]
    compared: Compared
    decided: Decided

    @property
    def notes(self) -> tuple[str, ...]:
        """For the reader."""
        return self.decided.notes


def check_offsets(
    stack: xr.Dataset, config: Config | None = None, *, ignore: NDArray[np.bool_] | None = None
) -> Checked:
    """Correct the dates whose every band stands 0.10 off the others, and say so.

    A date that lies among wrong ones and shows neither one level nor the other is left out. Where the pixels do not
    tell which of two levels is right, that of most dates is kept; of only two dates neither is touched.

    Parameters
    ----------
    stack : optical Stack, clouds masked; reflectance 0-1
    ignore : bool (y, x), ground that may have changed, such as the facility
    """
    config = config or Config()
    compared = compare(stack, config.least_cells, ignore)
    decided = decide(stack, compared, config)
    return Checked(*apply(stack, decided), compared, decided)


def decide(stack: xr.Dataset, compared: Compared, config: Config) -> Decided:
    """What follows from the comparison; of the stack nothing is read but its bands' names and its key."""
    cube, count = compared.cells, len(compared.times)
    relations = _matrix(compared.pairs, _relations(compared.jumps, band_names(stack), config), count)
    levels = _levels(relations)
    floors = _floors(cube, band_names(stack))
    base, sure = _right_level(levels, floors, config)
    wrong = _without_haze(_confirmed(levels - base, relations, config), cube, relations, config)
    none, key = np.zeros(count, bool), str(stack.attrs["key"])
    if not wrong.any():
        return Decided(None, none)
    if count == 2 and not sure:
        return Decided(None, none, (_undecided(key, wrong),))
    wrong, lost = _filled(wrong, relations, floors, config)
    return Decided((-OFFSET * wrong).astype(np.float32), lost, (_words(key, compared.ids, wrong, sure=sure),))


def apply(stack: xr.Dataset, decided: Decided) -> tuple[xr.Dataset, tuple[tuple[str, str], ...]]:
    """The stack as it was decided, and the scene ids left out, each with the reason."""
    if decided.fix is None:
        return stack, ()
    added = xr.DataArray(decided.fix, dims="time")
    mended = stack.assign({band: stack[band] + added for band in band_names(stack)})
    mended = mended.assign_coords(offset_fix=("time", decided.fix)).isel(time=np.flatnonzero(~decided.lost))
    dropped = tuple((str(stack.scene_id.values[i]), SUSPECT) for i in np.flatnonzero(decided.lost))
    return check_stack(mended), dropped


def _relations(jumps: NDArray[np.float32], bands: tuple[str, ...], config: Config) -> NDArray[np.int64]:
    """For each pair 0 (alike), 1 or -1 (the second stands 0.10 above or below), or ``UNKNOWN``."""
    leafy = np.array([band == "nir" for band in bands])
    calm, leaves = jumps[:, :, ~leafy].reshape(len(jumps), -1), jumps[:, :, leafy].reshape(len(jumps), -1)
    relations = np.full(len(jumps), UNKNOWN)
    for level in (0, 1, -1):
        near = (np.abs(calm - level * OFFSET) <= config.tolerance).all(1)
        alike = np.ptp(calm, axis=1) <= config.spread
        if leafy.any():
            near &= (np.abs(leaves - level * OFFSET) <= config.tolerance_nir).all(1)
            alike &= np.ptp(leaves, axis=1) <= config.tolerance_nir
        relations[near & alike] = level
    return relations


def _matrix(pairs: NDArray[np.intp], relations: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How far date i stands above date j: 0, 1, -1; or ``UNKNOWN``, or ``NOT_COMPARED``."""
    matrix = np.full((count, count), NOT_COMPARED)
    first, second = pairs.T
    matrix[second, first] = relations
    matrix[first, second] = np.where(relations == UNKNOWN, UNKNOWN, -relations)
    return matrix


def _levels(relations: NDArray[np.int64]) -> NDArray[np.int64]:
    """A level for each date so that most comparisons agree: groups are joined, the best attested first."""
    count = len(relations)
    # votes[d + 2, i, j]: comparisons that put group i d steps above group j
    votes = np.stack([(relations == step).astype(np.int64) for step in range(-2, 3)])
    levels, groups = np.zeros(count, np.int64), np.arange(count)
    for _ in range(count - 1):
        ranked = np.sort(votes, axis=0)
        clear = np.triu(ranked[-1] - ranked[-2], 1)
        first, second = np.unravel_index(np.argmax(clear), clear.shape)
        if clear[first, second] <= 0:
            break
        step = int(np.argmax(votes[:, first, second])) - 2
        members = groups == second
        levels[members] -= step
        groups[members] = first
        votes[:, first] += _shifted(votes[:, second], step)
        votes[:, :, first] = votes[::-1, first]
        votes[:, second] = votes[:, :, second] = 0
        votes[:, first, first] = 0
    return _refined(levels, relations)


def _shifted(votes: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Votes of a group, told from a group that stands ``step`` above it. (5, group)"""
    moved = np.zeros_like(votes)
    for d in range(5):
        if 0 <= d + step < 5:
            moved[d + step] = votes[d]
    return moved


def _refined(levels: NDArray[np.int64], relations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Single dates moved while comparisons gain by it."""
    levels = levels.copy()
    for _ in range(4 * len(levels)):
        votes = np.stack([(relations == step + levels[:, None] - levels).sum(1) for step in (-1, 0, 1)], axis=1)
        gain = votes.max(1) - votes[:, 1]
        mover = int(np.argmax(gain))
        if gain[mover] <= 0:
            break
        levels[mover] += int(np.argmax(votes[mover])) - 1
    return levels


def _floors(cube: NDArray[np.float32], bands: tuple[str, ...]) -> NDArray[np.float32]:
    """Reflectance of the darkest ground (2 %) of each date. (time, visible band), NaN where nothing is seen"""
    rows = [i for i, band in enumerate(bands) if band in VISIBLE] or [0]
    floors = np.full((cube.shape[1], len(rows)), np.nan, np.float32)
    for i in range(cube.shape[1]):
        seen = np.isfinite(cube[:, i]).all(0)
        if seen.any():
            floors[i] = np.quantile(cube[rows, i][:, seen], 0.02, axis=1)
    return floors


def _right_level(levels: NDArray[np.int64], floors: NDArray[np.float32], config: Config) -> tuple[int, bool]:
    """Which level is right, and whether the pixels say so.

    Dark ground below zero cannot be; dark ground near 0.10 in every visible band, where other dates show it darker, is
    an offset that was never taken off. Otherwise most dates are right.
    """
    values, counts = np.unique(levels, return_counts=True)
    floor = {int(v): np.nanmedian(floors[levels == v], axis=0) for v in values}
    possible = [v for v in floor if floor[v].min() >= config.below_zero] or list(floor)
    most = max(possible, key=lambda v: (int(counts[values == v][0]), -v))
    lifted = [v for v in possible if floor[v].min() >= config.lifted and np.ptp(floor[v]) <= config.tolerance]
    lower = [v for v in possible if v < most]
    if lower and most in lifted:
        return max(lower), True
    return most, len(possible) < len(floor) or any(v > most for v in lifted)


def _confirmed(levels: NDArray[np.int64], relations: NDArray[np.int64], config: Config) -> NDArray[np.int64]:
    """Only the levels of dates whose comparisons bear them out, and of groups that stand off the right dates."""
    agree = relations == levels[:, None] - levels
    compared = relations != NOT_COMPARED
    borne = agree.sum(1) >= np.maximum(np.minimum(LEAST_JUMPS, compared.sum(1)), config.least_share * compared.sum(1))
    right = borne & (levels == 0)
    wrong = np.where(borne & (np.abs(levels) == 1), levels, 0)
    for sign in (-1, 1):
        group = wrong == sign
        across = compared[group][:, right].sum()
        if not across or agree[group][:, right].sum() < config.least_share * across:
            wrong[group] = 0
    return wrong


def _without_haze(
    wrong: NDArray[np.int64], cube: NDArray[np.float32], relations: NDArray[np.int64], config: Config
) -> NDArray[np.int64]:
    """Single dates count as wrong only if they show the jump by themselves, and the contrast of the dates beside them.

    A veil of haze or cirrus brightens all bands as an offset does, but takes contrast away.
    """
    right = wrong == 0
    kept = wrong.copy()
    for i in np.flatnonzero(wrong):
        if any(0 <= k < len(wrong) and wrong[k] == wrong[i] for k in (i - 1, i + 1)):
            continue
        compared = (relations[i] != NOT_COMPARED) & right
        jumps = (relations[i] == wrong[i]) & right
        beside = np.flatnonzero(right)[np.argsort(np.abs(np.flatnonzero(right) - i), kind="stable")[:4]]
        contrast = _contrast(cube, int(i), beside, config)
        if jumps.sum() < config.least_share * compared.sum() or not contrast >= config.least_contrast:
            kept[i] = 0
    return kept


def _contrast(cube: NDArray[np.float32], index: int, others: NDArray[np.intp], config: Config) -> float:
    """Median over the others of how much brighter the bright third is than the dark one, in units of theirs."""
    ratios = []
    for other in others:
        pair = cube[:, [index, other]].sum(0)
        seen = np.isfinite(pair).all(0)
        if seen.sum() < config.least_cells:
            continue
        dark, bright = thirds(pair[:, seen].sum(0))
        mine, theirs = (np.median(row[bright]) - np.median(row[dark]) for row in pair[:, seen])
        ratios.append(float(mine / theirs) if theirs > 0 else 1.0)
    return float(np.median(ratios)) if ratios else float("nan")


def _filled(
    wrong: NDArray[np.int64], relations: NDArray[np.int64], floors: NDArray[np.float32], config: Config
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Dates between wrong ones that comparisons leave open: judged by their dark ground, or else lost."""
    right = wrong == 0
    vouched = right & (((relations == 0) & right).sum(1) >= LEAST_JUMPS)
    decided = np.flatnonzero(vouched | ~right)
    filled, lost = wrong.copy(), np.zeros(len(wrong), bool)
    for i in np.flatnonzero(right & ~vouched):
        before, after = decided[decided < i], decided[decided > i]
        beside = {int(wrong[k]) for k in (*before[-1:], *after[:1])}
        if len(beside) != 1 or beside == {0}:
            continue
        sign = beside.pop()
        dark = floors[i].min()
        if (sign > 0 and dark >= config.lifted) or (sign < 0 and dark < config.below_zero):
            filled[i] = sign
        else:
            lost[i] = True
    return filled, lost


def _words(key: str, ids: NDArray[np.object_], wrong: NDArray[np.int64], *, sure: bool) -> str:
    which = np.flatnonzero(wrong)
    scenes = ", ".join(str(ids[i]) for i in which[:5]) + (" and others" if len(which) > 5 else "")
    tail = "" if sure else " Which level is right the pixels do not tell; that of most dates was kept."
    return (
        f"{key}: offset-suspect: {len(which)} of {len(wrong)} dates stood {OFFSET:.2f} reflectance off "
        f"in every band of ground that did not change, as a wrongly stated offset makes them. They were corrected: "
        f"{scenes}.{tail}"
    )


def _undecided(key: str, wrong: NDArray[np.int64]) -> str:
    jump = float(wrong[np.flatnonzero(wrong)[0]]) * OFFSET
    return (
        f"{key}: offset-suspect: the two dates differ by {abs(jump):.2f} reflectance in every band of "
        "ground that did not change, as a wrongly stated offset makes them. Which of the two is wrong cannot be told; "
        "nothing was corrected, and change all over the area is to be distrusted."
    )
