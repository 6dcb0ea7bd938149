"""The way through, written once: a site file in, a run folder out.

site.yaml → Site → Scenes → Stacks → prepared Stacks → ChangeMaps → Detections → Verdicts → Evidence → files
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from changedet.answer import ClaimAnswer, answer, unseen
from changedet.claim import Claim
from changedet.claimfile import claim_schema, read_claim
from changedet.detect import Memory
from changedet.detect.choose import detect_changes, detector_config, detector_names
from changedet.errors import NothingClearError
from changedet.evidence import Dropped, Evidence, Provenance
from changedet.objects.assess import assess
from changedet.objects.finding import Question, Reason
from changedet.prepare.cloudless import check_asked
from changedet.prepare.steps import Prepared, prepare_stacks
from changedet.regions import Detection, find_detections
from changedet.report.answerpage import write_answer
from changedet.report.artefacts import write_report
from changedet.report.item import update_catalogue
from changedet.scene import Failure, Scene
from changedet.site import Site
from changedet.sitefile import Rooms, read_site, site_schema
from changedet.sources.acquire import (
    Progress,
    build_stacks,
    check_budget,
    check_sides,
    fetch_scenes,
    find_scenes,
    open_source,
    planned,
    source_config,
    source_kinds,
)
from changedet.stack import Periods, site_geobox
from changedet.store import Store, default_cache, run_folder
from changedet.verdict import Verdict, zone_verdicts

SEED = 0
SMALLEST_ZONE = 20.0
"""Metres: a zone narrower than two pixels of 10 m may change without showing."""
PACKAGES = ("changedet", "numpy", "scipy", "xarray", "rasterio", "odc-stac", "odc-geo", "scikit-image", "numba")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind."""

    folder: Path
    files: tuple[Path, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Answer:
    """What the answer to a claim left behind."""

    folder: Path
    files: tuple[Path, ...]
    claim: ClaimAnswer
    verdicts: tuple[Verdict, ...]
    """Of the claim's objects, in order."""
    evidence: Evidence | None
    """None where no image was needed, or clear enough."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What could not be read."""
        return () if self.evidence is None else self.evidence.failures


@dataclass(slots=True)
class Clock:
    """Seconds that each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 3)


def load_site(path: Path) -> Site:
    """The Site of a YAML file.

    Raises
    ------
    FileError
    """
    return read_site(
        path,
        source_config=source_config,
        detector_config=detector_config,
        source_kinds=source_kinds(),
        detector_names=detector_names(),
    )


def load_claim(path: Path) -> tuple[Claim, Path]:
    """The Claim of a YAML file, and the folder against which its site's ``source`` is resolved.

    Raises
    ------
    FileError
    """
    return read_claim(path, Rooms(source_config, detector_config, source_kinds(), detector_names()))


def schema(kind: Literal["site", "claim"] = "site") -> dict[str, Any]:
    """The JSON Schema of site files, or of claim files, with every source and detector there is."""
    sources = {name: source for name in source_kinds() if (source := source_config(name)) is not None}
    detectors = {name: detector for name in detector_names() if (detector := detector_config(name)) is not None}
    site = site_schema(sources, detectors)
    return site if kind == "site" else claim_schema(site)


def run(
    site_file: Path,
    out: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    with_pdf: bool = False,
    max_requests: int | None = None,
) -> Run:
    """Check one site: find, fetch, compare, report.

    Raises
    ------
    InputError, ServiceError
        See ``changedet.errors``.
    """
    started = datetime.now(UTC).replace(microsecond=0)
    return _report(
        load_site(site_file), None, out, started, _Ask(site_file.parent, cache, progress, with_pdf, max_requests)
    )


def verify(
    claim_file: Path,
    out: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    with_pdf: bool = False,
    max_requests: int | None = None,
) -> Answer:
    """Answer one claim: acquire what is needed, measure each object against its controls, report.

    Nothing is acquired where every object is too small to show whatever it is.

    Raises
    ------
    InputError, ServiceError
        See ``changedet.errors``.
    """
    started = datetime.now(UTC).replace(microsecond=0)
    claim, folder = load_claim(claim_file)
    if all(one.too_small for one in unseen(claim, ())):
        return _unread(claim, out, started, ("below-detection-limit",))
    ask = _Ask(folder, cache, progress, with_pdf, max_requests)
    try:
        run = _report(claim.watched(), claim, out, started, ask)
    except NothingClearError:
        return _unread(claim, out, started, ("clouded",))
    told = run.evidence.claim
    assert told is not None
    return Answer(run.folder, run.files, told, run.evidence.verdicts, run.evidence)


@dataclass(frozen=True, slots=True)
class _Ask:
    """How a run is to be made."""

    folder: Path
    """Of the site file."""
    cache: Path | None
    progress: Progress | None
    with_pdf: bool
    max_requests: int | None


def _report(site: Site, claim: Claim | None, out: Path, started: datetime, ask: _Ask) -> Run:
    name = run_id(site, started, claim)
    with run_folder(out, site.id, name) as aside:
        store = Store(ask.cache or default_cache())
        evidence = gather(site, ask.folder, store, started, ask.progress, ask.max_requests, claim)
        if ask.progress is not None:
            ask.progress("report", 0, 1)
        names = [path.relative_to(aside) for path in write_report(evidence, aside, with_pdf=ask.with_pdf)]
        if ask.progress is not None:
            ask.progress("report", 1, 1)
    folder = out.absolute() / site.id / name
    update_catalogue(out.absolute())
    return Run(folder, tuple(folder / name for name in names), evidence)


def _unread(claim: Claim, out: Path, started: datetime, reasons: tuple[Reason, ...]) -> Answer:
    """The answer where no image could tell anything: a page and ``verdicts.json`` alone."""
    told, verdicts = answer(claim, unseen(claim, reasons), None)
    name = run_id(claim.site, started, claim)
    with run_folder(out, claim.site.id, name) as aside:
        names = [path.relative_to(aside) for path in write_answer(claim.site, told, verdicts, aside)]
    folder = out.absolute() / claim.site.id / name
    return Answer(folder, tuple(folder / name for name in names), told, verdicts, None)


def gather(
    site: Site,
    folder: Path,
    store: Store,
    started: datetime,
    progress: Progress | None = None,
    max_requests: int | None = None,
    claim: Claim | None = None,
) -> Evidence:
    """Everything up to the Evidence of one run; nothing is written but the cache.

    Parameters
    ----------
    folder : against which the site's source is resolved
    claim : to be answered; ``site`` is then ``claim.watched()``
    """
    check_asked(site)
    clock = Clock()
    geobox = site_geobox(site.ring, site.resolution)
    source = open_source(site, folder)
    with clock.step("search"):
        scenes = find_scenes(site, source)
        if max_requests is not None:
            check_budget(planned(scenes, source, geobox, store), max_requests)
    with clock.step("acquire"):
        acquired = fetch_scenes(scenes, source, geobox, store, progress)
        check_sides(site, scenes, acquired)
    with clock.step("grid"):
        stacks = build_stacks(acquired, geobox, progress)
    with clock.step("prepare"):
        ready = prepare_stacks(stacks, site, progress)
    gathered = Gathered(site, scenes, acquired.failures, acquired.checksums, ready, claim)
    return conclude(gathered, Made(run_id(site, started, claim), started, clock, source.spent()), progress)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a run compares."""

    site: Site
    scenes: tuple[Scene, ...]
    failures: tuple[Failure, ...]
    checksums: Mapping[str, str]
    """SHA-256 of each original window by ``scene id/asset``."""
    ready: Prepared
    claim: Claim | None = None
    """To be answered, if any."""
    memories: Mapping[str, Memory] | None = None
    """By stack key, where a detector keeps what it made of the reference period; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Made:
    """How it came about."""

    run_id: str
    started: datetime
    clock: Clock
    spent: Mapping[str, float]
    """``requests`` sent and ``bytes`` received."""


def conclude(gathered: Gathered, made: Made, progress: Progress | None = None) -> Evidence:
    """From prepared stacks to the Evidence: compare, draw regions, judge.

    Raises
    ------
    NothingClearError
    """
    site, ready, clock = gathered.site, gathered.ready, made.clock
    with clock.step("detect"):
        periods = Periods(site.before, site.after)
        maps, change, notes = detect_changes(ready.stacks, periods, site.detect, progress, gathered.memories)
    with clock.step("regions"):
        detections = find_detections(change, ready.stacks, maps, site, site.detect.false_alarm_rate)
    with clock.step("verdicts"):
        told, verdicts = _verdicts(site, gathered.claim, (change, detections, ready.stacks))
    used = {part for stack in ready.stacks.values() for ids in stack.scene_id.values for part in str(ids).split("+")}
    return Evidence(
        site=site,
        scenes=tuple(scene for scene in gathered.scenes if scene.id in used),
        stacks=ready.stacks,
        maps=maps,
        change=change,
        detections=detections,
        verdicts=verdicts,
        failures=gathered.failures,
        dropped=tuple(Dropped(scene, reason) for scene, reason in ready.dropped),
        provenance=_provenance(site, made),
        notes=(*_scene_notes(gathered.scenes), *ready.notes, *notes),
        checksums=gathered.checksums,
        claim=told,
    )


def _verdicts(
    site: Site, claim: Claim | None, found: tuple[xr.Dataset, tuple[Detection, ...], Mapping[str, xr.Dataset]]
) -> tuple[ClaimAnswer | None, tuple[Verdict, ...]]:
    change, detections, stacks = found
    if claim is None:
        return None, zone_verdicts(site, detections, change, SMALLEST_ZONE)
    question = Question(claim.what, claim.window, Periods(site.before, site.after), SEED)
    findings, smallest = assess(claim.objects, question, stacks)
    return answer(claim, findings, smallest)


def run_id(site: Site, started: datetime, claim: Claim | None = None) -> str:
    """The name of a run: when it began, and a hash of what was asked."""
    asked = json.dumps(site.model_dump(mode="json"), sort_keys=True)
    if claim is not None:
        asked += json.dumps(claim.model_dump(mode="json"), sort_keys=True)
    return f"{started:%Y%m%dT%H%M%SZ}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


def _provenance(site: Site, made: Made) -> Provenance:
    return Provenance(
        run_id=made.run_id,
        started=made.started,
        versions={name: version(name) for name in PACKAGES},
        parameters=site.model_dump(mode="json"),
        seed=SEED,
        timings=dict(made.clock.seconds),
        downloads=made.spent,
    )


def _scene_notes(scenes: tuple[Scene, ...]) -> tuple[str, ...]:
    counted: dict[str, int] = {}
    for scene in scenes:
        for note in scene.notes:
            counted[note] = counted.get(note, 0) + 1
    return tuple(f"{count} of {len(scenes)} scenes: {note}." for note, count in sorted(counted.items()))
