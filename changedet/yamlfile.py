"""Reading a user's YAML without trusting it, and saying in plain English what is wrong with it.

:func:`load` turns a file into an :class:`Item` tree that remembers lines; :class:`Reader` checks values taken from that
tree and collects a :class:`~changedet.errors.Problem` for each mistake, so that one run names all of them.

YAML 1.2 only (``NO`` is text, ``12:30`` is text). Anchors, tags, directives and several documents in one file are
refused: no site or claim needs them, and they are how a small file is made to expand without bound.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.nodes import ScalarNode

from changedet.errors import FileError, Problem
from changedet.plainwords import explain, found, known_keys, not_a_key

MAX_BYTES = 1_000_000
MAX_DEPTH = 16
MAX_DIGITS = 40

Scalar = str | int | float | bool | date | None
Path_ = tuple[str | int, ...]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a file and the line it stands on (for a key's value: the key's line), counted from 1."""

    value: Scalar | tuple[Item, ...] | Mapping[str, Item]
    line: int

    def plain(self) -> Any:
        """The value in terms of dict, list and scalars; dates stay dates."""
        if isinstance(self.value, Mapping):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        return self.value


class _StopError(Exception):
    """The file cannot be read any further."""

    def __init__(self, line: int, field: str, message: str) -> None:
        self.problem = (line, field, message)


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """The text of a regular UTF-8 file of at most ``limit`` bytes.

    Raises
    ------
    ValueError
        With one sentence that says what is wrong and what would be right.
    """
    try:
        if path.is_dir():
            raise ValueError("is a folder; give a file")
        if not path.exists():
            raise ValueError("does not exist")
        if not path.is_file():
            raise ValueError("is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise ValueError(f"is larger than {limit / 1e6:g} MB, which no such file needs")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text (byte {error.start}, line {line}); save it as UTF-8") from None
    return text


def load(path: Path) -> Item:
    """Read one YAML mapping with its lines.

    Raises
    ------
    FileError
        If there is no such file, it is not YAML 1.2, or it holds anything but one mapping.
    """
    name = str(path)
    try:
        text = read_text(path)
    except ValueError as error:
        raise FileError((Problem(name, 1, "file", str(error)),)) from None
    try:
        root = _Builder(text).document()
    except _StopError as stop:
        raise FileError((Problem(name, *stop.problem),)) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise FileError((Problem(name, line, "file", f"is not YAML: {error.problem or error.context}"),)) from None
    except YAMLError as error:
        raise FileError((Problem(name, 1, "file", f"is not YAML: {str(error).splitlines()[0]}"),)) from None
    if not isinstance(root.value, Mapping):
        raise FileError((Problem(name, root.line, "file", f"is {found(root.plain())}, but must be a block of keys"),))
    return root


class _Builder:
    """Builds the tree from the parser's events, so that nothing is expanded or recursed into before it is checked."""

    def __init__(self, text: str) -> None:
        yaml = YAML(typ="safe", pure=True)
        self._resolver, self._constructor = yaml.resolver, yaml.constructor
        self._events: Iterator[Event] = yaml.parse(io.StringIO(text))

    def document(self) -> Item:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if event.version not in (None, (1, 2)) or event.tags:
                    _refuse(event, "file", "has a % directive; remove it, YAML 1.2 is always meant")
                root = self._item(next(self._events), "", 0)
                self._end()
                return root
            if isinstance(event, StreamEndEvent):
                break
        raise _StopError(1, "file", "is empty; it must hold a block of keys such as id, name, area")

    def _end(self) -> None:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                _refuse(event, "file", "holds a second document after ---; keep one in each file")

    def _item(self, event: Event, field: str, depth: int) -> Item:
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            _refuse(event, field, "uses an alias (*); write the value out, anchors and aliases are not accepted")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            _refuse(event, field, "has an anchor (&); write the value out, anchors and aliases are not accepted")
        if isinstance(event, ScalarEvent):
            return Item(self._scalar(event, field), line)
        if getattr(event, "tag", None) is not None:
            _refuse(event, field, "has a tag (!); tags are not accepted")
        if depth >= MAX_DEPTH:
            _refuse(event, field, f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, SequenceStartEvent):
            items: list[Item] = []
            while not isinstance(event := next(self._events), SequenceEndEvent):
                items.append(self._item(event, f"{field}[{len(items)}]", depth + 1))
            return Item(tuple(items), line)
        assert isinstance(event, MappingStartEvent)
        return Item(self._mapping(field, depth), line)

    def _mapping(self, field: str, depth: int) -> Mapping[str, Item]:
        mapping: dict[str, Item] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                _refuse(event, field, "has a key that is a list or a block; keys must be plain words")
            key_line = event.start_mark.line + 1
            key = self._item(event, field, depth).value
            if not isinstance(key, str):
                _refuse(event, field, f"has the key {found(key)}; keys must be words, put it in quotes if it is one")
            if key in mapping:
                raise _StopError(key_line, join(field, key), f"is given twice; first on line {mapping[key].line}")
            value = self._item(next(self._events), join(field, key), depth + 1)
            mapping[key] = Item(value.value, key_line)
        return MappingProxyType(mapping)

    def _scalar(self, event: ScalarEvent, field: str) -> Scalar:
        text = event.value
        if event.tag is not None and event.tag != "!":
            _refuse(event, field, "has a tag (!); tags are not accepted")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
            _refuse(event, field, "holds half of a Unicode pair, which is no text")
        tag = str(self._resolver.resolve(ScalarNode, text, event.implicit))
        if tag.endswith((":merge", ":value")):
            return str(text)
        if tag.endswith(":int") and len(text) > MAX_DIGITS:
            _refuse(event, field, f"has {len(text)} digits; no number here needs more than {MAX_DIGITS}")
        try:
            value = self._constructor.construct_object(ScalarNode(tag, text))
        except (ValueError, OverflowError, YAMLError) as error:
            reason = str(error).splitlines()[0]
            _refuse(event, field, f"is {found(text)}, which looks like a date or a number but is none: {reason}")
        if isinstance(value, float) and not math.isfinite(value):
            _refuse(event, field, f"is {text}; a finite number is needed")
        if value is None or isinstance(value, (str, int, float, bool, date)):
            return value
        _refuse(event, field, f"is {found(text)}, a kind of value that is not accepted")


def _refuse(event: Event, field: str, message: str) -> NoReturn:
    raise _StopError(event.start_mark.line + 1, field or "file", message)


def join(field: str, key: str | int) -> str:
    """``zones[2].center``: the path of a value as people write it."""
    if isinstance(key, int):
        return f"{field}[{key}]"
    return f"{field}.{key}" if field else key


def field_name(path: Path_) -> str:
    """The path of a value as people write it."""
    name = ""
    for key in path:
        name = join(name, key)
    return name or "file"


class Reader:
    """Checks the values of one loaded file and collects what is wrong with them."""

    def __init__(self, file: str, root: Item, within: Path_ = ()) -> None:
        """Begin with a file's name, as messages print it, its content, and where in the file that content stands."""
        self.file, self.root, self._within = file, root, within
        self._problems: list[Problem] = []

    def item(self, path: Path_) -> Item | None:
        """The item at ``path``; None where there is none."""
        item = self.root
        for key in path:
            if isinstance(item.value, Mapping) and key in item.value:
                item = item.value[str(key)]
            elif isinstance(item.value, tuple) and isinstance(key, int) and 0 <= key < len(item.value):
                item = item.value[key]
            else:
                return None
        return item

    def line(self, path: Path_) -> int:
        """The line of the deepest part of ``path`` that exists."""
        for length in range(len(path), 0, -1):
            if (item := self.item(path[:length])) is not None:
                return item.line
        return self.root.line

    def add(self, path: Path_, message: str) -> None:
        """Note a mistake; two sentences about one field are kept, the same sentence twice is not."""
        self.take((Problem(self.file, self.line(path), field_name((*self._within, *path)), message),))

    def take(self, problems: Iterable[Problem]) -> None:
        """Note problems found elsewhere, such as in a file that this one names."""
        self._problems += [problem for problem in problems if problem not in self._problems]

    def keys(self, path: Path_, known: Iterable[str], required: Iterable[str] = ()) -> tuple[str, ...]:
        """Check a mapping's keys; return those that are known, in the order of the file. () if it is no mapping."""
        item, known = self.item(path), tuple(known)
        if item is None:
            return ()
        if not isinstance(item.value, Mapping):
            self.add(path, f"is {found(item.plain())}, but must be a block with the keys {', '.join(known)}")
            return ()
        for key in item.value:
            if key not in known:
                self.add((*path, key), not_a_key(key, known))
        for key in required:
            if key not in item.value:
                self.add((*path, key), "is missing")
        return tuple(key for key in item.value if key in known)

    def entries(self, path: Path_) -> tuple[Path_, ...]:
        """Paths of the entries of the list at ``path``; a problem is noted if it is not a list."""
        item = self.item(path)
        if item is None:
            return ()
        if not isinstance(item.value, tuple):
            self.add(path, f"is {found(item.plain())}, but must be a list")
            return ()
        return tuple((*path, index) for index in range(len(item.value)))

    def value(self, path: Path_, adapter: TypeAdapter[T], hint: str = "") -> T | None:
        """The value at ``path`` checked by ``adapter``; None after noting what is wrong, or where there is none.

        Nothing is coerced: text is not a number and a number is not text. Dates may stand in quotes.

        Parameters
        ----------
        hint : what would be right, in words, in place of the general description
        """
        item = self.item(path)
        return None if item is None else self._checked(path, item.plain(), adapter, hint, ())

    def model(self, path: Path_, model: type[M], *, empty: bool = False) -> M | None:
        """The block at ``path`` as a pydantic model; None after noting what is wrong, or where there is none.

        Parameters
        ----------
        empty : whether a key without a value stands for an empty block
        """
        item = self.item(path)
        if item is None:
            return None
        plain = {} if item.value is None and empty else item.plain()
        known = known_keys(model)
        return self._checked(path, plain, TypeAdapter(model), f"a block with the keys {', '.join(known)}", known)

    def _checked(
        self, path: Path_, plain: object, adapter: TypeAdapter[T], hint: str, known: tuple[str, ...]
    ) -> T | None:
        try:
            return adapter.validate_json(json.dumps(plain, default=str), strict=True)
        except ValidationError as error:
            for where, message in explain(error, plain, hint, known):
                self.add((*path, *where), message)
            return None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found wrong so far."""
        return tuple(self._problems)

    @property
    def clean(self) -> bool:
        """Whether nothing was found wrong so far."""
        return not self._problems

    def finish(self) -> None:
        """End the reading.

        Raises
        ------
        FileError
            With every problem, in order of lines.
        """
        if self._problems:
            raise FileError(
                tuple(sorted(self._problems, key=lambda problem: (problem.file != self.file, problem.line)))
            )
