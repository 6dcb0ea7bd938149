"""How many false alarms a look may make, so that a year of looks makes no more than were asked for.

An alpha-spending rule in calendar time (Lan & DeMets 1983, Biometrika 70:659) over looks that may depend on each other
in any way. The budget accrues at ``alarms_per_year``; a look may spend half of what lies there, at most ``LARGEST``.
What is spent never exceeds what accrued: Σ α_k ≤ A·T. A look tests m pieces, each at α_k/m (Bonferroni), so that the
expected number of false pieces reported by it is at most α_k whatever the dependence between pieces; expectations add
up whatever the dependence between looks, so the expected number of false alarms up to T is at most A·T. What is assumed
is that each piece's p-value is valid at its own look (P(p ≤ u) ≤ u), and that when a look takes place does not depend
on what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from changedet.watch.records import Look, Rules

SHARE = 0.5
"""Of what has accrued that one look spends: the rest waits for the next, which may come within hours."""
LARGEST = 0.05
"""False alarms that one look may make, however long nothing was looked at."""
YEAR = 365.25 * 86400
"""Seconds."""


def allowance(looks: Iterable[Look], rules: Rules, start: datetime, now: datetime) -> float:
    """What the next look may spend.

    Parameters
    ----------
    looks : all earlier looks of the site, in order
    start : when the watch began to accrue
    now : time of the new look
    """
    left, last = 0.0, start
    for look in looks:
        left += _accrued(look.rules, last, look.time) - look.alpha
        last = max(last, look.time)
    left += _accrued(rules, last, now)
    return max(0.0, min(SHARE * left, LARGEST))


def _accrued(rules: Rules, since: datetime, until: datetime) -> float:
    return rules.alarms_per_year * max(0.0, (until - since).total_seconds()) / YEAR
