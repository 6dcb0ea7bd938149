"""What the max-scan makes of a reference period, kept for the windows that follow it.

As long as the reference stays, a further date changes only the window: surroundings, whitening, baseline, scale and
sums of the reference are the same for every pixel, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changedet.detect import Arrays
from changedet.detect.blocks import Floats

Out = tuple[Floats, NDArray[np.int32], Floats]
"""What ``kernels.scan`` fills."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The reference period of one stack, for every pixel."""

    line: Floats
    """Surroundings of the reference dates, as in ``Surroundings``."""
    whiten: tuple[Floats, ...]
    """By scale."""
    fitted: Floats
    """Of ``fit_baseline``."""
    numbers: tuple[Floats, ...]
    """Of ``kernels.settle``, by scale."""
    last: NDArray[np.int32]
    """Of ``kernels.settle``."""
    colour: Floats
    """Of ``ground.colour``; without pixels for radar."""

    def arrays(self) -> Arrays:
        """By name."""
        scales = {f"whiten-{i}": whiten for i, whiten in enumerate(self.whiten)}
        scales |= {f"numbers-{i}": numbers for i, numbers in enumerate(self.numbers)}
        return {"line": self.line, "fitted": self.fitted, "last": self.last, "colour": self.colour, **scales}

    @classmethod
    def of(cls, arrays: Arrays) -> Settled:
        """From what ``arrays`` gave."""
        scales = range(sum(name.startswith("whiten-") for name in arrays))
        whiten, numbers = (tuple(arrays[f"{name}-{i}"] for i in scales) for name in ("whiten", "numbers"))
        return cls(arrays["line"], whiten, arrays["fitted"], numbers, arrays["last"], arrays["colour"])
