"""What all frozen models of the house share: nothing mutable, no unknown key."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen pydantic model that refuses unknown keys and coerces nothing silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class SourceConfig(Frozen):
    """Base of each source's ``Config``; ``kind`` names the file in ``changedet/sources``."""

    kind: str


class DetectorConfig(Frozen):
    """Base of each detector's ``Config``; its name in the site file is its file in ``changedet/detect``."""

    def located(self, folder: Path) -> Self:
        """With what its paths name read from the site file's folder; most detectors have none.

        Raises
        ------
        ValueError
            Says what is wrong with the file.
        """
        return self
