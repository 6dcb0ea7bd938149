"""Values as plain JSON: one way to say a time, a missing number and a text, in every file of a run."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel

# a JSON string holds no raw line break, so this can only meet a list
_PAIR = re.compile(r"\[\n\s*(-?[\d.eE+-]+),\n\s*(-?[\d.eE+-]+)\n\s*\]")


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``; a naive time is taken as UTC. Fractions only where there are any."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def plain(value: object, *, exact: bool = False) -> object:
    """The value in dicts, lists, strings, numbers, booleans and None alone.

    Parameters
    ----------
    exact : write numbers that are not finite as the words ``NaN``, ``Infinity``, ``-Infinity``, so that they can be
        read back; otherwise they become None, which JSON readers understand
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return _number(value, exact)
    if isinstance(value, (str, date, Path)):
        return _text(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist(), exact=exact)
    return _container(value, exact)


def _text(value: str | date | Path) -> str:
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else whole_text(str(value))


def _container(value: object, exact: bool) -> object:
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"), exact=exact)
    if isinstance(value, Mapping):
        return {whole_text(str(key)): plain(item, exact=exact) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, exact=exact) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item, exact=exact) for item in value), key=str)
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name), exact=exact) for f in dataclasses.fields(value)}
    return whole_text(str(value))


def _number(value: float, exact: bool) -> float | str | None:
    if math.isfinite(value):
        return value
    if not exact:
        return None
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def whole_text(text: str) -> str:
    """The text with half surrogates replaced, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode()


def json_bytes(value: object, *, exact: bool = False) -> bytes:
    """The value as an indented UTF-8 JSON document; keys keep their order, a pair of numbers stays on one line."""
    text = json.dumps(plain(value, exact=exact), ensure_ascii=False, indent=1, allow_nan=False)
    return (_PAIR.sub(r"[\1, \2]", text) + "\n").encode()
