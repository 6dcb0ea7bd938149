"""Where a report's pixels came from and how it was made, as plain text without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from changedet.evidence import Evidence
from changedet.report import words
from changedet.scene import Scene

SECRET = re.compile(r"secret|token|password|passwd|credential|client_id|api_?key|authorization", re.I)


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class File:
    """One band of one input scene."""

    band: str
    href: str
    checksum: str
    """SHA-256 of the window that was read, and the provider's own checksum where it gives one."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input scene."""

    id: str
    when: str
    sensor: str
    orbit: str
    processing: str
    product: str
    source: str
    files: tuple[File, ...]
    notes: tuple[str, ...]


def inputs(evidence: Evidence) -> tuple[Input, ...]:
    """Every scene used, in order of time."""
    return tuple(_input(scene, evidence.checksums) for scene in evidence.scenes)


def parameters(evidence: Evidence) -> tuple[Fact, ...]:
    """The resolved configuration as dotted names and values, secrets left out."""
    return tuple(_flat(evidence.provenance.parameters))


def _input(scene: Scene, checksums: Mapping[str, str]) -> Input:
    orbit = "" if scene.relative_orbit is None else f"relative orbit {scene.relative_orbit}"
    processing = [scene.level or "", f"baseline {scene.baseline}" if scene.baseline else "", scene.tile or ""]
    files = []
    for band, asset in scene.assets.items():
        read = checksums.get(f"{scene.id}/{band}")
        sums = [f"sha256 {read}" if read else "", f"published {asset.checksum}" if asset.checksum else ""]
        files.append(
            File(
                words.clean(band),
                words.clean(words.public_path(asset.href)),
                words.clean(", ".join(filter(None, sums))),
            )
        )
    return Input(
        id=words.clean(scene.id),
        when=words.instant(scene.time),
        sensor=words.platform_name(words.clean(scene.platform)),
        orbit=", ".join(filter(None, (orbit, scene.orbit_direction or ""))),
        processing=words.clean(", ".join(filter(None, processing))),
        product=words.clean(scene.product or ""),
        source=words.clean(words.public_path(scene.source)),
        files=tuple(files),
        notes=tuple(words.clean(note) for note in scene.notes),
    )


def _flat(value: object, name: str = "") -> Iterable[Fact]:
    """Nested parameters as dotted names, secrets left out."""
    if SECRET.search(name.rsplit(".", 1)[-1]):
        yield Fact(words.clean(name), "(not shown)")
    elif isinstance(value, Mapping) and value:
        for key in sorted(value, key=str):
            yield from _flat(value[key], f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _flat(item, f"{name}[{index}]")
    else:
        yield Fact(words.clean(name), words.clean(_printed(value)))


def _printed(value: object) -> str:
    if isinstance(value, str):
        return words.public_href(value) if "://" in value else value
    if isinstance(value, float | np.floating):
        return f"{float(value):g}"
    if isinstance(value, list | tuple):
        text = ", ".join(_printed(item) for item in value)
        return text if len(text) <= 400 else f"{text[:400]}… ({len(value)} values)"
    return "none" if value is None else str(value)
