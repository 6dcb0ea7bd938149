"""One site: every acquisition that is new becomes a look, in order of time, as if each had been met on its day.

A look sees only what was acquired up to it. So a watch that was down for a week writes the same archive as one that
was not, and the archive is a function of the acquisitions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely.geometry
import xarray as xr
from odc.geo.geom import Geometry
from rasterio.features import geometry_mask
from scipy import ndimage

from changedet.detect.choose import LEAST_AFTER, LEAST_BEFORE, detector_config
from changedet.errors import FetchError, NoScenesError
from changedet.evidence import Evidence
from changedet.pipeline import Clock, Gathered, Made, conclude, run_id
from changedet.prepare.cloudless import check_asked
from changedet.prepare.steps import Prepared, together
from changedet.regions import Detection
from changedet.report.artefacts import write_report
from changedet.scene import Failure
from changedet.site import Period, Site
from changedet.sources.acquire import bands_by_sensor, open_source, stack_order
from changedet.stack import Periods, geobox_of, site_geobox
from changedet.store import Store, run_folder
from changedet.watch.archive import Archive
from changedet.watch.budget import allowance
from changedet.watch.finding import Acquisition, acquisitions, find
from changedet.watch.journal import Journal
from changedet.watch.kept import Dates, KeptStacks
from changedet.watch.layers import Kept, Layers, MovedDates
from changedet.watch.ledger import LOOKS, read_looks, read_summary, summarise, write_look, write_summary
from changedet.watch.places import Ledger, after, changes, fold
from changedet.watch.records import Look, Rules, Sighting

PATIENCE = timedelta(days=7)
"""So long after its acquisition a scene that cannot be read is waited for, and the looks after it wait with it."""
SHIFT = 30
"""Days by which window and reference period move on at a time."""
SMALLEST_PIECE = 2
"""Pixels: smaller pieces are never tested."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to do for one site."""

    site: Site
    folder: Path
    """Of the site file, from which its paths are read."""
    rules: Rules
    archive: Archive
    store: Store
    now: datetime
    """Nothing later is looked at, UTC."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it."""

    looks: int = 0
    changes: int = 0
    """States that places came into."""
    waiting: str | None = None
    """Why a new acquisition is not looked at yet."""


def step(task: Task, journal: Journal, stop: Callable[[], bool]) -> Done:
    """Look at all that is new for one site.

    Parameters
    ----------
    stop : asked before each look; True ends the step early, with everything so far written

    Raises
    ------
    InputError, ServiceError
    """
    site, folder = task.site, task.archive.folder / task.site.id
    task.archive.follow(f"{site.id}/{LOOKS}")
    summary = read_summary(folder)
    known = set(summary.scenes) if summary else set()
    source = open_source(site, task.folder)
    try:
        scenes = find(site, source, task.store, task.now)
    except NoScenesError:
        scenes = ()
    every = acquisitions(scenes)
    new = [one for one in every if one.time >= site.after.start and not known.issuperset(one.ids)]
    if not new:
        return Done()
    check_asked(site)
    geobox = site_geobox(site.ring, site.resolution)
    layers = Layers(task.store, source, geobox)
    kept = KeptStacks(task.store, task.archive.name, site, geobox, MovedDates(task.store))
    watch = _Watch(task, layers, kept, every)
    ledger, states = fold(read_looks(folder)), 0
    for count, acquisition in enumerate(new):
        if stop():
            return Done(count, states)
        try:
            look, evidence = watch.look(acquisition, ledger)
        except _WaitingError as waiting:
            return Done(count, states, str(waiting))
        ledger = _committed(task, ledger, look, evidence)
        entered = changes(ledger, look.number)
        states += len(entered)
        journal(
            "look",
            {
                "site": site.id,
                "number": look.number,
                "acquired": look.time,
                "stack": look.stack,
                "used": look.used,
                "clear": look.clear,
                "sightings": len(look.sightings),
                "changes": [f"{place.id} {entry.state}" for place, entry in entered],
            },
        )
    return Done(len(new), states)


def _committed(task: Task, ledger: Ledger, look: Look, evidence: Evidence | None) -> Ledger:
    """The look written: first its report, where it changed a place's state, then itself, then what follows from it."""
    archive, folder = task.archive, task.archive.folder / task.site.id
    if evidence is not None and changes(after(ledger, look), look.number):
        look = look.model_copy(update={"run": evidence.provenance.run_id})
        with run_folder(archive.folder, task.site.id, evidence.provenance.run_id) as aside:
            write_report(evidence, aside)
        archive.publish_run(folder / evidence.provenance.run_id)
    archive.publish(write_look(folder, look))
    ledger = after(ledger, look)
    archive.publish(write_summary(folder, summarise(ledger)))
    return ledger


class _WaitingError(Exception):
    """The acquisition cannot be read yet; nothing is written, so that it is tried again."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """The looks of one step."""

    task: Task
    layers: Layers
    kept: KeptStacks
    every: tuple[Acquisition, ...]

    def look(self, new: Acquisition, ledger: Ledger) -> tuple[Look, Evidence | None]:
        """The look at one acquisition, and the evidence where a map was made.

        Raises
        ------
        _WaitingError, OutputError
        """
        time = max([new.time, *(look.time for look in ledger.looks[-1:])])
        look = self._blank(new, ledger, time)
        site = at(self.task.site, self.task.rules, time)
        seen = tuple(one for one in self.every if one.time <= time and _in_periods(one, site))
        clock = Clock()
        with clock.step("grid"):
            dates, failures, checksums = self._dates(seen)
        mine = [failure for failure in failures if failure.scene in new.ids]
        if mine:
            if self.task.now - new.time < PATIENCE:
                raise _WaitingError(f"scene {mine[0].scene}, asset {mine[0].asset}: {mine[0].reason}")
            return look.model_copy(update={"reason": f"could not be read: {mine[0].reason}"}), None
        with clock.step("prepare"):
            ready = together({one.key: self.kept.prepare(one) for one in dates})
        look = look.model_copy(update={"failures": len(failures), **_standing(ready, new, site)})
        if not look.used:
            return look, None
        scenes = tuple(scene for one in seen for scene in one.scenes)
        made = Made(f"{run_id(site, time)}-{look.number}", time, clock, self.layers.source.spent())
        memories = {key: self.kept.memory(key) for key in ready.stacks}
        evidence = conclude(Gathered(site, scenes, failures, checksums, ready, memories=memories), made)
        spend = allowance(ledger.looks, self.task.rules, self.task.site.after.start, time)
        found = _found(evidence, spend) | {"views": _views(ledger, ready.stacks[new.stack], new)}
        return look.model_copy(update=found), evidence

    def _blank(self, new: Acquisition, ledger: Ledger, time: datetime) -> Look:
        site = self.task.site
        lons, lats = zip(*site.ring[:-1], strict=True)
        simulated = any(scene.simulated for scene in new.scenes)
        return Look(
            site=site.id,
            title=site.name,
            center=(round(sum(lons) / len(lons), 6), round(sum(lats) / len(lats), 6)),
            attribution="SIMULATED data, no real imagery" if simulated else new.scenes[0].attribution,
            simulated=simulated,
            number=len(ledger.looks) + 1,
            time=time,
            stack=new.stack,
            scenes=new.ids,
            rules=self.task.rules,
            used=False,
        )

    def _dates(self, seen: tuple[Acquisition, ...]) -> tuple[list[Dates], tuple[Failure, ...], Mapping[str, str]]:
        bands = bands_by_sensor(tuple(scene for one in seen for scene in one.scenes))
        groups: dict[str, list[Kept]] = {}
        failures: list[Failure] = []
        checksums: dict[str, str] = {}
        for one in seen:
            try:
                kept = self.layers.get(one.scenes, bands[one.scenes[0].sensor])
            except FetchError as error:
                failures.append(Failure(error.scene, error.asset, error.reason))
                continue
            groups.setdefault(one.stack, []).append(kept)
            checksums |= kept.checksums
        dates = []
        for key in sorted(groups, key=stack_order):
            mine = [scene for one in seen if one.stack == key for scene in one.scenes]
            ordered = sorted(groups[key], key=lambda kept: (kept.layer.time, kept.layer.scene_id))
            names, layers = tuple(kept.name for kept in ordered), tuple(kept.layer for kept in ordered)
            simulated = any(scene.simulated for scene in mine)
            dates.append(Dates(key, mine[0].sensor, simulated, names, layers))
        return dates, tuple(sorted(failures, key=lambda f: (f.scene, f.asset))), dict(sorted(checksums.items()))


def at(site: Site, rules: Rules, time: datetime) -> Site:
    """The site as a look at ``time`` sees it.

    The after-window reaches back at least ``window_days``, the reference period lies as far before it as in the site
    file; both move on together, by whole ``SHIFT`` days, so that the reference stays the same for a month of looks.
    Unless the file names a detector, dates are scanned, never compared in pairs.
    """
    late = (time.date() - site.after.first).days - rules.window_days
    moved = timedelta(days=max(0, late // SHIFT * SHIFT))
    detect = site.detect
    config = detector_config("scan")
    if not detect.detectors and config is not None:
        detect = detect.model_copy(update={"detectors": {"scan": config()}})
    return site.model_copy(
        update={
            "before": Period(first=site.before.first + moved, last=site.before.last + moved),
            "after": Period(first=site.after.first + moved, last=time.date()),
            "detect": detect,
        }
    )


def _in_periods(one: Acquisition, site: Site) -> bool:
    return site.before.holds(one.time) or site.after.holds(one.time)


def _standing(ready: Prepared, new: Acquisition, site: Site) -> dict[str, Any]:
    """Whether the new acquisition can be used, and if not why."""
    stack = ready.stacks.get(new.stack)
    index = None if stack is None else _index(stack, new)
    if stack is None or index is None:
        reasons = [reason for scene, reason in ready.dropped if set(scene.split("+")) & set(new.ids)]
        return {"reason": reasons[0] if reasons else "another scene of that day took its place"}
    clear = round(float(stack.clear_share.values[index]), 4) if "clear_share" in stack.coords else None
    before, after_ = (int(side.sum()) for side in Periods(site.before, site.after).sides(stack))
    if before < LEAST_BEFORE or after_ < LEAST_AFTER:
        return {"clear": clear, "reason": f"too early: {before} usable dates before and {after_} after"}
    return {"clear": clear, "used": True}


def _index(stack: xr.Dataset, new: Acquisition) -> int | None:
    for i, ids in enumerate(stack.scene_id.values):
        if set(str(ids).split("+")) & set(new.ids):
            return i
    return None


def _found(evidence: Evidence, alpha: float) -> dict[str, Any]:
    change = evidence.change
    labels, count = ndimage.label(change.changed.values, np.ones((3, 3), bool))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return {
        "alpha": alpha,
        "pieces": int((sizes >= SMALLEST_PIECE).sum()),
        "observable": round(float(change.observable.values.mean()), 4),
        "sightings": tuple(_sighting(detection) for detection in evidence.detections),
    }


def _sighting(detection: Detection) -> Sighting:
    return Sighting(
        polygon=dict(detection.polygon),
        centroid=detection.centroid,
        area=detection.area,
        p_value=detection.p_value,
        kind=detection.kind,
        onset_after=detection.onset.after,
        onset_before=detection.onset.before,
        zone=detection.zone,
        stacks=tuple(detection.directions),
        scenes=detection.scenes,
        number=detection.number,
    )


def _views(ledger: Ledger, stack: xr.Dataset, new: Acquisition) -> dict[str, float]:
    """Of each open place, the share that the new date shows."""
    index = _index(stack, new)
    if index is None or not ledger.open:
        return {}
    geobox, valid = geobox_of(stack), stack.valid.values[index]
    views = {}
    for place in ledger.open:
        outline = Geometry(shapely.geometry.shape(place.sighting.polygon), "EPSG:4326").to_crs(str(geobox.crs))
        inside = geometry_mask(
            [outline.geom], out_shape=geobox.shape, transform=geobox.transform, all_touched=True, invert=True
        )
        views[place.id] = round(float(valid[inside].mean()), 4) if inside.any() else 0.0
    return views
