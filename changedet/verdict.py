"""``Verdict``: what the evidence says of a claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["supported", "contradicted", "inconclusive"]
Reason = Literal[
    "clouded",
    "below-detection-limit",
    "no-image-after",
    "no-baseline",
    "misregistered",
    "offset-suspect",
    "busy-site",
    "changed-otherwise",
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one zone or claimed object."""

    subject: str
    outcome: Outcome
    sentence: str
    reasons: tuple[Reason, ...] = ()
    p_intact: float | None = None
    p_claimed: float | None = None
    power: float | None = None
    smallest_diameter: float | None = None
    """Metres: the smallest object that this site could have shown."""
