"""Which detector answers for which stack, and all of them together for the site."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from changedet.detect import Memory
from changedet.errors import NothingClearError
from changedet.site import DetectSpec
from changedet.stack import Periods
from changedet.values import DetectorConfig

LEAST_BEFORE, LEAST_AFTER = 3, 2
"""Dates a side from which a scan over many dates is possible; below that, two dates are compared."""

Progress = Callable[[str, int, int], None]


def detector_names() -> tuple[str, ...]:
    """The names that ``detect:`` accepts: the modules of ``changedet/detect`` that offer ``detect`` and ``Config``."""
    return tuple(name for name in _modules() if _is_detector(name))


def detector_config(name: str) -> type[DetectorConfig] | None:
    """The ``Config`` of a detector, or None where there is none of that name."""
    if name not in _modules() or not _is_detector(name):
        return None
    config: type[DetectorConfig] = _module(name).Config
    return config


def detect_changes(
    stacks: Mapping[str, xr.Dataset],
    periods: Periods,
    spec: DetectSpec,
    progress: Progress | None = None,
    memories: Mapping[str, Memory] | None = None,
) -> tuple[dict[str, xr.Dataset], xr.Dataset, tuple[str, ...]]:
    """A ChangeMap for each stack, the ChangeMap of all together, and notes for the reader.

    The first detector named in the site file is used for every stack; by default ``scan`` where a stack has at least
    three dates before and two after, else ``pair``. A stack without a date on one of the sides is left out. A scan
    keeps the reference period of a stack in its memory, where ``memories`` has one by its key; the maps are the same.

    Raises
    ------
    NothingClearError
        When no stack has a date on both sides.
    """
    from changedet.detect.calibrate import combine
    from changedet.detect.joint import applies, joint_map

    maps: dict[str, xr.Dataset] = {}
    notes: list[str] = []
    for done, (key, stack) in enumerate(stacks.items()):
        before, after = (int(side.sum()) for side in periods.sides(stack))
        if not before or not after:
            side = "before" if not before else "after"
            notes.append(f"{key}: no usable date in `{side}`; this stack was left out.")
            continue
        name = next(iter(spec.detectors), None) or _fitting(before, after)
        if not spec.detectors and name == "pair":
            notes.append(f"{key}: {before} dates before and {after} after are too few for a scan; two were compared.")
        module = _module(name)
        config = spec.detectors.get(name) or module.Config()
        memory = (memories or {}).get(key)
        more = (memory,) if name == "scan" and memory is not None else ()
        maps[key] = module.detect(stack, periods, config, spec.false_alarm_rate, *more)
        if progress is not None:
            progress("detect", done + 1, len(stacks))
    if not maps:
        raise NothingClearError(
            f"no date in `before` ({periods.before}) or none in `after` ({periods.after}) shows enough of the "
            "facility; widen the dates, raise max_cloud, or add sentinel-1, which sees through clouds"
        )
    if len(maps) == 1:
        change = next(iter(maps.values()))
    else:
        change = (joint_map if applies(maps) else combine)(maps, spec.false_alarm_rate)
    return maps, change, tuple(notes)


def _fitting(before: int, after: int) -> str:
    return "scan" if before >= LEAST_BEFORE and after >= LEAST_AFTER else "pair"


def _modules() -> tuple[str, ...]:
    import changedet.detect

    return tuple(sorted(module.name for module in pkgutil.iter_modules(changedet.detect.__path__)))


def _is_detector(name: str) -> bool:
    module = _module(name)
    return hasattr(module, "detect") and hasattr(module, "Config")


def _module(name: str) -> Any:
    return importlib.import_module(f"changedet.detect.{name}")
