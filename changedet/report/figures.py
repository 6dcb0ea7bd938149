"""The pictures that the page and the PDF share: close-ups, series, the map of what was seen, placebo histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report import series, web
from changedet.report.placebo import Placebo, placebos
from changedet.report.web import Picture, Setting


@dataclass(frozen=True, slots=True)
class Shown:
    """The pictures of one place."""

    chip: tuple[Picture, ...]
    """One sheet from the run folder, or before and after as cropped here."""
    caption: str
    charts: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Chance:
    """What the placebos say, and their histogram."""

    sentence: str
    picture: Picture


def places(
    evidence: Evidence, shown: web.View | None, folder: Path, pictures: Mapping[str, Path]
) -> Mapping[int, Shown]:
    """The pictures of each detection by its number.

    Parameters
    ----------
    folder : run folder; close-ups are taken from ``chips/detection-NN.png`` in it where they exist
    pictures : close-ups elsewhere, by the same relative name
    """
    limit = min(web.PICTURE_BYTES, web.CHIPS_BYTES // max(1, len(evidence.detections)))
    found = {}
    setting = Setting()
    for detection in evidence.detections:
        name = f"chips/detection-{detection.number:02d}.png"
        path = pictures.get(name, folder / name)
        charts = _charts(evidence, detection)
        if path.is_file():
            alt = f"Close-up of place {detection.number} before and after the change, with its outline."
            chip, setting = web.from_file(path, limit, setting, alt)
            found[detection.number] = Shown((chip,), f"Close-up of place {detection.number}.", charts)
        else:
            found[detection.number] = Shown(*_crops(evidence, shown, detection), charts)
    return found


def _crops(evidence: Evidence, shown: web.View | None, detection: Detection) -> tuple[tuple[Picture, ...], str]:
    """Before and after about one detection, where no close-up was drawn, and what they are."""
    number = detection.number
    if shown is None:
        return (), ""
    chips = []
    frames = (("Before", shown.before), ("After", shown.after))
    for (side, frame), image in zip(frames, web.crop(evidence, shown, detection), strict=True):
        alt = f"Close-up of place {number}, {side.lower()}: {frame.label}."
        chips.append(web.sharp(image, alt, f"{side}: {frame.label}"))
    return tuple(chips), f"Close-up of place {number}; each square is one pixel."


def _charts(evidence: Evidence, detection: Detection) -> tuple[Picture, ...]:
    charts = []
    for measured in series.measure(evidence, detection):
        svg = series.draw(measured, simulated=evidence.simulated)
        charts.append(_drawing(svg, measured.summary(), f"{measured.name}: {measured.unit}."))
    return tuple(charts)


def unseen(evidence: Evidence, shown: web.View | None) -> Picture:
    """The map of where nothing could be seen."""
    return web.sharp(
        web.observability(evidence, shown),
        "Map of the site: ground that was seen, places that changed, and hatched ground that could not be observed.",
    )


def chances(evidence: Evidence) -> tuple[Chance, ...]:
    """Each placebo histogram with what it means; none where false alarms were not measured."""
    return tuple(_chance(placebo, evidence.simulated) for placebo in placebos(evidence))


def _chance(placebo: Placebo, simulated: bool) -> Chance:
    svg = series.histogram(placebo.edges, placebo.counts, placebo.threshold, placebo.axis, simulated)
    return Chance(placebo.sentence, _drawing(svg, placebo.alt, placebo.label))


def _drawing(svg: str, alt: str, label: str) -> Picture:
    return Picture(svg.encode(), "svg", *series.size(svg), alt, label)
