"""What may leave this machine: an ``Evidence`` without tokens in addresses and without this machine's folders.

Signed addresses carry tokens in their query, and a path such as ``/home/name/…`` names a person. An evidence pack goes
to strangers, so both are cut before anything is written. ``public(public(e))`` equals ``public(e)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from changedet.evidence import Dropped, Evidence
from changedet.report.words import public_href, public_path
from changedet.scene import Failure, Scene

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_FOLDERS = re.compile(r"(?<![\w./:~-])~?(?:/[^\s/:\"'<>]+){3,}")
_WHOLE_PATH = re.compile(r"~?/.*|[A-Za-z]:[\\/].*|file:.*", re.DOTALL)


def public(evidence: Evidence) -> Evidence:
    """The same evidence with addresses, paths and messages that may be published."""
    provenance = evidence.provenance
    return replace(
        evidence,
        site=evidence.site.model_copy(update={"source": _config(evidence)}),
        scenes=tuple(_scene(scene) for scene in evidence.scenes),
        failures=tuple(Failure(f.scene, f.asset, public_text(f.reason)) for f in evidence.failures),
        dropped=tuple(Dropped(d.scene, public_text(d.reason)) for d in evidence.dropped),
        notes=tuple(public_text(note) for note in evidence.notes),
        provenance=replace(provenance, parameters=_parameters(provenance.parameters)),
    )


def public_text(text: str) -> str:
    """A sentence whose addresses lost their query and whose paths lost the folders of this machine."""
    text = _ADDRESS.sub(lambda match: public_path(match[0]), text)
    return _FOLDERS.sub(lambda match: public_path(match[0]), text)


def public_value(value: object) -> object:
    """A configured value: an address without its query, a path of this machine by its last two parts."""
    if isinstance(value, str):
        if _WHOLE_PATH.fullmatch(value):
            return public_path(value)
        return public_href(value) if _ADDRESS.fullmatch(value) else public_text(value)
    if isinstance(value, Mapping):
        return {key: public_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(public_value(item) for item in value)
    return value


def _parameters(parameters: Mapping[str, object]) -> Mapping[str, object]:
    return MappingProxyType({key: public_value(value) for key, value in parameters.items()})


def _config(evidence: Evidence) -> object:
    source = evidence.site.source
    return source.model_copy(update={name: public_value(getattr(source, name)) for name in _names(source)})


def _names(source: object) -> tuple[str, ...]:
    fields = tuple(getattr(type(source), "model_fields", {}))
    return (*fields, *(getattr(source, "model_extra", None) or {}))


def _scene(scene: Scene) -> Scene:
    assets = {name: replace(asset, href=public_path(asset.href)) for name, asset in scene.assets.items()}
    return replace(
        scene,
        source=str(public_value(scene.source)),
        assets=assets,
        notes=tuple(public_text(note) for note in scene.notes),
    )
