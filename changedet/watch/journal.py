"""What a watch says while it works: one line an event, for people or for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from changedet.report.plain import plain

Journal = Callable[[str, Mapping[str, object]], None]
"""Called with the name of an event and what is to be known of it."""
Style = Literal["text", "json"]


def silent(event: str, facts: Mapping[str, object]) -> None:
    """A journal that says nothing."""


def journal(style: Style, stream: TextIO | None = None) -> Journal:
    """A journal on a stream, by default stderr; ``json`` is one JSON object a line, with the time and the event."""
    out = stream or sys.stderr

    def say(event: str, facts: Mapping[str, object]) -> None:
        moment = datetime.now(UTC).replace(microsecond=0)
        known = plain({"time": moment, "event": event, **facts})
        if style == "json":
            line = json.dumps(known, ensure_ascii=False)
        else:
            told = "  ".join(f"{key}={_short(value)}" for key, value in facts.items() if value not in (None, [], ()))
            line = f"{moment:%Y-%m-%d %H:%M:%S}Z  {event:8}  {told}"
        out.write(line + "\n")
        out.flush()

    return say


def _short(value: object) -> str:
    told = plain(value)
    if isinstance(told, list):
        return "; ".join(map(str, told))
    return " ".join(str(told).split())
