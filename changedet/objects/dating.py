"""When it changed: a posterior over time from the scans of all stacks, and the images that bracket the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changedet.objects.scan import CLIP, Doubles, Scan, profile

Instant = np.datetime64

SURE = 0.005
"""Posterior probability that is left on either side of the bracket."""
STATES = 3.0
"""Standard deviation of the states that what changed may be in, in that of the noise."""


@dataclass(frozen=True, slots=True)
class Dating:
    """The date of a change, as far as the images give it."""

    first: Instant
    last: Instant
    """95 % interval."""
    after: Instant
    """Last image consistent with "before"."""
    before: Instant
    """First image consistent with "after"."""
    loose: tuple[Instant, Instant]
    """The bracket, were an image at its end misread: the image before ``after`` and the one behind ``before``; or, if
    that is wider, had what came after the change no one state."""
    shown: tuple[tuple[int, ...], ...]
    """Of each scan, the dates from ``before`` on that show it."""
    shares: tuple[float, ...]
    """Of each scan, the share of its clear dates from ``before`` on that show it."""


def date(scans: Sequence[Scan], since: Instant) -> Dating | None:
    """Date the change of the first series of each scan; None where no scan has a candidate.

    The log posterior is the sum of ½G/κ over the scans, κ the inflation of their placebos, with a flat prior over time:
    between two images all instants are as likely.

    Parameters
    ----------
    since : the end of the reference period, in which by definition nothing changed; its last clear image may be older
    """
    edges = np.unique(np.concatenate([_clear(scan) for scan in scans]))
    if len(edges) < 2:
        return None
    logs, anyhow = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for scan in scans:
        logs += _log_likelihood(scan, edges)
        anyhow += _log_likelihood(scan, edges, anyhow=True)
    first_window = min(scan.times[scan.window[0]] for scan in scans if len(scan.window))
    inner = np.concatenate([np.clip(edges[:-1], since, edges[1:]), edges[-1:]])
    width = (edges[1:] - inner[:-1]) / np.timedelta64(1, "s")
    usable = (edges[1:] >= first_window) & np.isfinite(logs)
    if not usable.any():
        return None
    share = _shares(logs, usable, width)
    low, high = _quantile((inner, edges), share, 0.025), _quantile((inner, edges), share, 0.975)
    begin, end = _bracket(share)
    first, last = _bracket(_shares(anyhow, usable, width))
    loose = edges[max(min(begin - 1, first), 0)], edges[min(max(end + 1, last), len(edges) - 1)]
    shown = [_shown(scan, edges[end]) for scan in scans]
    dates, shares = tuple(dates for dates, _ in shown), tuple(part for _, part in shown)
    return Dating(low, high, edges[begin], edges[end], loose, dates, shares)


def _clear(scan: Scan) -> NDArray[np.datetime64]:
    """Instants at which the object is seen: the last of the reference period, and those of the window."""
    seen = scan.mask[:, 0] > 0
    reference = scan.reference[seen[scan.reference]]
    window = scan.window[seen[scan.window]]
    return np.asarray(scan.times[np.concatenate([reference[-1:], window])])


def _shares(logs: Doubles, usable: NDArray[np.bool_], width: Doubles) -> Doubles:
    """(edges,) the posterior probability of a change before each edge."""
    weight = np.where(usable, np.exp(np.where(usable, logs - logs[usable].max(), 0)) * width, 0)
    return np.concatenate([[0.0], np.cumsum(weight / weight.sum())])


def _bracket(share: Doubles) -> tuple[int, int]:
    """The edges that leave ``SURE`` on either side."""
    begin = max(int(np.searchsorted(share, SURE, side="right")) - 1, 0)
    return begin, min(int(np.searchsorted(share, 1 - SURE)), len(share) - 1)


def _log_likelihood(scan: Scan, edges: NDArray[np.datetime64], anyhow: bool = False) -> NDArray[np.float64]:
    """½G/κ for a change between each two edges, or with ``anyhow`` ``_anyhow``/κ; −∞ after which no image remains."""
    g = profile(scan.z[:, :, :1], scan.mask[:, :1], scan.reference, scan.window, least_after=1)
    good = np.isfinite(g[:, 0])
    out = np.zeros(len(edges) - 1)
    if not good.any():
        return out
    times = scan.times[scan.window[good]]
    half = (_anyhow(scan)[good] if anyhow else g[good, 0] / 2) / scan.inflation[0]
    position = np.searchsorted(times, edges[1:])
    inside = position < len(times)
    out[inside] = half[position[inside]]
    return out


def _anyhow(scan: Scan) -> Doubles:
    """(window,) log likelihood ratio of a change at each date, to one state or to another one on every date.

    Where a roof stood grass greens and fades: over a year its mean may be that of the roof, and the step to one state
    that fits best begins in autumn. States are normal, of spread ``STATES``; what is without change is noise alone.
    """
    bands, variance = len(scan.z), STATES**2
    seen = scan.mask[scan.window, 0]
    z = np.clip(scan.z[:, scan.window, 0], -CLIP, CLIP) * seen

    def gain(square: Doubles, dates: Doubles) -> Doubles:
        # of the sum of some dates that share one state
        shrunk = variance / (1 + variance * dates)
        return np.asarray(square / 2 * shrunk - bands / 2 * np.log1p(variance * dates))

    from_here = np.cumsum(np.column_stack([z.T, seen])[::-1], axis=0)[::-1]
    one = gain((from_here[:, :-1] ** 2).sum(1), from_here[:, -1])
    each = np.cumsum(gain((z**2).sum(0), seen)[::-1])[::-1]
    return np.logaddexp(one, each)


def _quantile(
    gaps: tuple[NDArray[np.datetime64], NDArray[np.datetime64]], share: NDArray[np.float64], q: float
) -> Instant:
    """The instant up to which a share ``q`` of the posterior lies.

    Parameters
    ----------
    gaps : between two images each, where a change may have begun and the later image
    """
    begins, ends = gaps
    k = min(max(int(np.searchsorted(share, q, side="left")), 1), len(ends) - 1)
    part = (q - share[k - 1]) / max(share[k] - share[k - 1], 1e-300)
    return np.datetime64(begins[k - 1] + (ends[k] - begins[k - 1]) * min(max(part, 0.0), 1.0))


def _shown(scan: Scan, before: Instant) -> tuple[tuple[int, ...], float]:
    """Dates from ``before`` on whose residual lies nearer to the changed state than to the unchanged one."""
    later = [int(t) for t in scan.window if scan.mask[t, 0] > 0 and scan.times[t] >= before]
    if not later:
        return (), 0.0
    mean = scan.z[:, later, 0].mean(1)
    size = float(mean @ mean)
    shown = tuple(t for t in later if float(scan.z[:, t, 0] @ mean) > 0.5 * size)
    return shown, len(shown) / len(later)
