"""The values that assessing an object takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from changedet.claim import What
from changedet.site import Period
from changedet.stack import Periods

ALPHA = 0.01
"""Up to this p_intact something is said to have changed."""
FAINT_P = 0.0002
"""Above it that is said only where the claimed change would have been found surely: where it would mostly be missed,
true finds are few, and one chance find in a hundred unchanged objects is a large part of all finds."""
POWER = 0.9
"""From it on the claimed change would have been found surely."""
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
"""Why an answer is inconclusive; the list is closed."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is claimed, and which dates are looked at."""

    what: What
    window: Period
    """When it is said to have happened."""
    periods: Periods
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StackFinding:
    """What one stack says of one object."""

    key: str
    p_intact: float | None
    """None where it has too few clear dates."""
    n_before: int
    n_after: int
    """Clear dates of the object: in the reference period, and from the first day of the claim's window on."""
    controls: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What all stacks say of one object."""

    name: str
    diameter: float
    """Metres across."""
    too_small: bool
    """Below the limit by its geometry alone; nothing else was measured."""
    limit: float
    """Metres: that limit of its kind."""
    stacks: tuple[StackFinding, ...] = ()
    p_intact: float | None = None
    p_claimed: float | None = None
    power: float | None = None
    silent: tuple[str, ...] = ()
    """Sensors that show nothing, though they would hardly ever have missed the claimed change."""
    date_first: datetime | None = None
    date_last: datetime | None = None
    """95 % interval of the date, UTC; None unless ``changed``."""
    bracket_after: datetime | None = None
    bracket_before: datetime | None = None
    """Last image consistent with "before", first consistent with "after", UTC."""
    loose_after: datetime | None = None
    loose_before: datetime | None = None
    """The image before that, and the one behind: the bracket, were an image at its end misread. UTC."""
    scenes: tuple[str, ...] = ()
    """Ids of the scenes that show the change."""
    sensors: int = 0
    """Sensors that show it."""
    lone_orbit: bool = False
    """Whether one relative orbit alone shows it, and other orbits that looked do not."""
    lasting: bool = True
    """Whether most clear images after it still show it."""
    as_claimed: bool = True
    """Whether what changed is like what is claimed; True where only radar saw it."""
    clear_in_time: int = 0
    """Clear images from the first day of the claim's window on."""
    clear_after: int = 0
    """Clear images after the last day of the claim's window."""
    images_after: int = 0
    """All images from the first day of the claim's window on, clear over the object or not."""
    restless: bool = False
    misregistered: bool = False
    offset_suspect: bool = False
    unread: tuple[Reason, ...] = ()
    """Why no image could be measured at all; empty where some could."""
    places: tuple[tuple[float, float], ...] = ()
    """Longitude, latitude of the controls."""

    @property
    def changed(self) -> bool:
        """Whether something is said to have changed."""
        if self.p_intact is None or self.p_intact > ALPHA:
            return False
        return self.p_intact <= FAINT_P or (self.power or 0.0) >= POWER

    @property
    def faint(self) -> bool:
        """Whether it looks changed, but not enough for that to be said."""
        return self.p_intact is not None and self.p_intact <= ALPHA and not self.changed
