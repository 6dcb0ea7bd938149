"""When it changed: a posterior over time from the scans of all stacks, and the images that bracket the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changedet.objects.scan import Scan, profile

Instant = np.datetime64

SURE = 0.005
"""Posterior probability that is left on either side of the bracket."""


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
    """The image before ``after`` and the one behind ``before``: the bracket, were an image at its end misread."""
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
    logs = np.zeros(len(edges) - 1)
    for scan in scans:
        logs += _log_likelihood(scan, edges)
    first_window = min(scan.times[scan.window[0]] for scan in scans if len(scan.window))
    inner = np.concatenate([np.clip(edges[:-1], since, edges[1:]), edges[-1:]])
    width = (edges[1:] - inner[:-1]) / np.timedelta64(1, "s")
    usable = (edges[1:] >= first_window) & np.isfinite(logs)
    if not usable.any():
        return None
    weight = np.where(usable, np.exp(np.where(usable, logs - logs[usable].max(), 0)) * width, 0)
    share = np.concatenate([[0.0], np.cumsum(weight / weight.sum())])
    low, high = _quantile((inner, edges), share, 0.025), _quantile((inner, edges), share, 0.975)
    begin = max(int(np.searchsorted(share, SURE, side="right")) - 1, 0)
    end = min(int(np.searchsorted(share, 1 - SURE)), len(edges) - 1)
    loose = edges[max(begin - 1, 0)], edges[min(end + 1, len(edges) - 1)]
    shown = [_shown(scan, edges[end]) for scan in scans]
    dates, shares = tuple(dates for dates, _ in shown), tuple(part for _, part in shown)
    return Dating(low, high, edges[begin], edges[end], loose, dates, shares)


def _clear(scan: Scan) -> NDArray[np.datetime64]:
    """Instants at which the object is seen: the last of the reference period, and those of the window."""
    seen = scan.mask[:, 0] > 0
    reference = scan.reference[seen[scan.reference]]
    window = scan.window[seen[scan.window]]
    return np.asarray(scan.times[np.concatenate([reference[-1:], window])])


def _log_likelihood(scan: Scan, edges: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """½G/κ for a change between each two edges; −∞ after which no image remains."""
    g = profile(scan.z[:, :, :1], scan.mask[:, :1], scan.reference, scan.window, least_after=1)
    good = np.isfinite(g[:, 0])
    out = np.zeros(len(edges) - 1)
    if not good.any():
        return out
    times, half = scan.times[scan.window[good]], g[good, 0] / 2 / scan.inflation[0]
    position = np.searchsorted(times, edges[1:])
    inside = position < len(times)
    out[inside] = half[position[inside]]
    return out


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
