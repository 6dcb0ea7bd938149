"""The differencing: Stack → ChangeMap, one file a detector.

A detector module offers ``Config`` (a ``DetectorConfig``) and ``detect(stack, periods, config, rate) -> ChangeMap``,
where ``rate`` is the false-alarm rate asked for: the share of unchanged pixels that may be flagged.
"""

from __future__ import annotations

from typing import Any, Protocol

import xarray as xr

from changedet.stack import Periods


class Detect(Protocol):
    """What each detector module's ``detect`` meets."""

    def __call__(self, stack: xr.Dataset, periods: Periods, config: Any, rate: float) -> xr.Dataset:
        """One prepared stack to its ChangeMap, on the same grid."""
        ...
