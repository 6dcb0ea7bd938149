"""What all frozen models of the house share: nothing mutable, no unknown key."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen pydantic model that refuses unknown keys and coerces nothing silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class SourceConfig(Frozen):
    """Base of each source's ``Config``; ``kind`` names the file in ``changedet/sources``."""

    kind: str


class DetectorConfig(Frozen):
    """Base of each detector's ``Config``; its name in the site file is its file in ``changedet/detect``."""
