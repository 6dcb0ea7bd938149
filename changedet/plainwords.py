"""Plain English for values that do not fit: what was found, what would be right, what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_ABOUT_TYPE = {
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
    "string": "text",
    "bool": "true or false",
    "date": "a day such as 2024-06-01",
    "datetime": "a time such as 2024-06-01T10:00:00Z",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "a block of keys",
    "mapping": "a block of keys",
    "model": "a block of keys",
    "dataclass": "a block of keys",
    "path": "a path",
    "url": "an address such as https://example.org/v1",
}
_COMPARISONS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "a list of at least {min_length} entries",
    "too_long": "a list of at most {max_length} entries",
    "string_too_short": "text of at least {min_length} letters",
    "string_too_long": "text of at most {max_length} letters",
    "string_pattern_mismatch": "text of the form {pattern}",
}
_LONGEST = 60


def found(value: object) -> str:
    """A value as an error message quotes it: short, on one line, text in quotes."""
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a block of keys" if value else "an empty block"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    if isinstance(value, list):
        text = "[" + ", ".join(found(entry) for entry in value[:8]) + (", …]" if len(value) > 8 else "]")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def suggestion(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'radius'?)`` where a known word is close, else nothing."""
    by_lower = {name.lower().replace("_", "-"): name for name in known}
    close = difflib.get_close_matches(word.lower().replace("_", "-"), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[close[0]]!r}?)" if close else ""


def not_one_of(word: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not on a list."""
    known = tuple(known)
    return f"is {found(word)}{suggestion(word, known)}; accepted: {', '.join(known)}"


def not_a_key(key: str, known: Iterable[str]) -> str:
    """The sentence for a key that means nothing here."""
    known = tuple(known)
    return f"is not a known key{suggestion(key, known)}; known keys: {', '.join(known)}"


def explain(
    error: ValidationError, value: object, hint: str = "", known: Iterable[str] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each mistake as the path inside ``value`` and a sentence without pydantic's jargon.

    Parameters
    ----------
    value : what was validated, in terms of dict and list
    hint : what would be right for the value as a whole
    known : the keys that the value as a whole may have
    """
    wanted: dict[tuple[str | int, ...], list[str]] = {}
    for details in error.errors(include_url=False):
        where = _existing(details, value)
        sentence = _whole_sentence(details, where)
        if details["type"] == "extra_forbidden" and len(where) == 1 and known:
            yield where, not_a_key(str(where[0]), known)
        elif sentence is not None:
            yield where, sentence
        else:
            wanted.setdefault(where, []).append(_wanted(details))
    for where, words in wanted.items():
        right = hint if hint and not where else " or ".join(dict.fromkeys(words))
        yield where, f"is {found(_at(value, where))}, but must be {right}"


def problem_of(error: ValidationError) -> str:
    """The first mistake of a value built by ourselves, as one sentence."""
    details = error.errors(include_url=False)[0]
    return _whole_sentence(details, ()) or f"is {found(details['input'])}, but must be {_wanted(details)}"


def _existing(details: ErrorDetails, value: object) -> tuple[str | int, ...]:
    """The part of an error's location that the user wrote, without pydantic's own labels (of unions, of keys)."""
    where: list[str | int] = []
    for key in details["loc"]:
        if _holds(value, key):
            value = _at(value, (key,))
            where.append(key)
        elif details["type"] == "missing" and key == details["loc"][-1] and not isinstance(key, int):
            where.append(key)
    return tuple(where)


def _holds(value: object, key: str | int) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def _at(value: Any, where: tuple[str | int, ...]) -> object:
    for key in where:
        value = value[key]
    return value


def _whole_sentence(details: ErrorDetails, where: tuple[str | int, ...]) -> str | None:
    """The sentence where it is not of the form "is X, but must be Y"."""
    kind = details["type"]
    if kind == "missing" and where and where[-1] == details["loc"][-1]:
        return "is missing"
    if kind == "extra_forbidden":
        return "is not a known key"
    if kind in ("value_error", "assertion_error"):
        return str(details.get("ctx", {}).get("error", details["msg"]))
    return None


def _wanted(details: ErrorDetails) -> str:
    """What would be right, as a noun phrase."""
    kind, context = details["type"], details.get("ctx", {})
    if kind in ("literal_error", "enum"):
        accepted = str(context.get("expected", "")).replace(" or ", ", ")
        names = [name.strip().strip("'") for name in accepted.split(",")]
        value = details["input"]
        near = suggestion(value, names) if isinstance(value, str) else ""
        choice = names[0] if len(names) == 1 else "one of: " + ", ".join(names)
        return choice + near
    if kind in _COMPARISONS and context:
        limits = {name: _number(limit) for name, limit in context.items()}
        return _COMPARISONS[kind].format(**limits)
    if kind == "missing":
        return "a list with more entries"
    words = _ABOUT_TYPE.get(kind.split("_")[0])
    if words is None:
        return f"different ({details['msg'][0].lower()}{details['msg'][1:]})"
    if words == "text" and isinstance(details["input"], (int, float, bool)):
        return "text; put it in quotes"
    return words


def _number(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a model accepts, as users write them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())
