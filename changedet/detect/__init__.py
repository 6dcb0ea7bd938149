"""The differencing: Stack → ChangeMap, one file a detector.

A detector module offers ``Config`` (a ``DetectorConfig``) and ``detect(stack, periods, config, rate) -> ChangeMap``,
where ``rate`` is the false-alarm rate asked for: the share of unchanged pixels that may be flagged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import xarray as xr
from numpy.typing import NDArray

from changedet.stack import Periods

Arrays = Mapping[str, NDArray]
"""By name."""


class Detect(Protocol):
    """What each detector module's ``detect`` meets."""

    def __call__(self, stack: xr.Dataset, periods: Periods, config: Any, rate: float) -> xr.Dataset:
        """One prepared stack to its ChangeMap, on the same grid."""
        ...


class Memory(Protocol):
    """Where a detector may keep what it made of one stack's dates; gone as soon as one of them changes."""

    def get(self, key: str) -> Arrays | None:
        """What was put under this key; None where nothing was."""
        ...

    def put(self, key: str, arrays: Arrays) -> None:
        """Keep it."""
        ...
