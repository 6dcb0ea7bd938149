"""``report.html``: one file that opens from disk, asks nobody for anything, and lets others check the finding.

The page carries its style, script and pictures; its policy forbids every request and every script but its own.
All text is escaped by the template engine; names are isolated, so that their direction cannot reorder ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report import series, web, words
from changedet.report.content import content
from changedet.report.pictures import length_words, round_length
from changedet.report.placebo import Placebo, placebos
from changedet.report.public import public
from changedet.stack import geobox_of

TEMPLATES = Path(__file__).parent / "templates"
SLIDER = "img-comparison-slider-8.0.7.js"
NAME = "report.html"


@dataclass(frozen=True, slots=True)
class Picture:
    """An inlined picture."""

    uri: str
    width: int
    height: int
    alt: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The pictures of one place."""

    chip: tuple[Picture, ...]
    caption: str
    charts: tuple[Picture, ...]


def write(evidence: Evidence, folder: Path, pictures: Mapping[str, Path] | None = None) -> tuple[Path, ...]:
    """Write ``report.html`` into the folder.

    Parameters
    ----------
    evidence : everything that travelled
    folder : the run folder; close-ups are taken from ``chips/detection-NN.png`` in it where they exist
    pictures : close-ups elsewhere, by the same relative name

    Returns
    -------
    The one file written.
    """
    path = folder / NAME
    path.write_text(html(evidence, folder, pictures or {}), encoding="utf-8", newline="\n")
    return (path,)


def html(evidence: Evidence, folder: Path, pictures: Mapping[str, Path]) -> str:
    """The page as text."""
    evidence = public(evidence)
    shown = web.view(evidence)
    script = _script()
    template = _environment().get_template("report.html.j2")
    return template.render(
        c=content(evidence),
        css=Markup((TEMPLATES / "report.css").read_text("utf-8")),
        script=Markup(script),
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        licence=(TEMPLATES / "vendor" / "LICENSE-img-comparison-slider.txt").read_text("utf-8"),
        swipe=None if shown is None else _swipe(evidence, shown),
        pictures={d.number: _place(evidence, shown, d, folder, pictures) for d in evidence.detections},
        unseen=_unseen(evidence, shown),
        placebos=[_placebo(placebo, evidence) for placebo in placebos(evidence)],
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _script() -> str:
    """The carried slider and our own few lines; the slider's source map is left out, it would be asked for."""
    slider = (TEMPLATES / "vendor" / SLIDER).read_text("utf-8")
    slider = slider.split("//# sourceMappingURL", 1)[0].rstrip()
    return f"{slider}\n{(TEMPLATES / 'report.js').read_text('utf-8')}"


def _swipe(evidence: Evidence, shown: web.View) -> dict[str, object]:
    offered = shown.frames
    limit = web.FRAMES_BYTES // len(offered)
    stamp = evidence.simulated
    uris = [web.data_uri(web.render(shown, frame, stamp=stamp), limit) for frame in offered]
    before = web.render(shown, shown.before, stamp=stamp)
    geobox = geobox_of(evidence.change)
    rows, cols = (int(size) for size in geobox.shape)
    metres = abs(float(geobox.resolution.x))
    bar = round_length(0.22 * cols * metres)
    return {
        "name": shown.name,
        "bands": _look(shown.look.title),
        "width": before.width,
        "height": before.height,
        "grid_width": cols,
        "grid_height": rows,
        "before": shown.before.label,
        "after": shown.after.label,
        "before_uri": web.data_uri(before, max(limit, web.PICTURE_BYTES)),
        "after_uri": uris[offered.index(shown.after)],
        "frames": [{"label": f.label, "uri": uri} for f, uri in zip(offered, uris, strict=True)],
        "groups": _groups(offered, shown.after),
        "outlines": web.outlines(evidence),
        "scale_percent": round(100 * bar / (cols * metres), 3),
        "scale_label": length_words(bar),
        "extent": f"The picture covers {_km(cols * metres)} × {_km(rows * metres)}, north is up; "
        f"a pixel is {metres:g} m wide.",
    }


def _groups(offered: tuple[web.Frame, ...], chosen: web.Frame) -> list[dict[str, object]]:
    names = {"before": "Reference period", "between": "Between the periods", "after": "Period asked about"}
    groups: list[dict[str, object]] = []
    for side, label in names.items():
        frames = [
            {"position": i, "label": f"{f.label} ({words.share(f.clear)} clear)", "chosen": f == chosen}
            for i, f in enumerate(offered)
            if f.side == side
        ]
        if frames:
            groups.append({"label": label, "frames": frames})
    return groups


def _look(title: str) -> str:
    return title[:1].lower() + title[1:]


def _km(metres: float) -> str:
    return f"{metres / 1000:.2f} km"


def _place(
    evidence: Evidence, shown: web.View | None, detection: Detection, folder: Path, pictures: Mapping[str, Path]
) -> Shown:
    number = detection.number
    charts = []
    for measured in series.measure(evidence, detection):
        svg = series.draw(measured, simulated=evidence.simulated)
        label = f"{measured.name}: {measured.unit}."
        charts.append(_drawing(svg, measured.summary(), label))
    name = f"chips/detection-{number:02d}.png"
    path = pictures.get(name, folder / name)
    if path.is_file():
        uri, width, height = web.file_uri(path, min(web.PICTURE_BYTES, web.CHIPS_BYTES // len(evidence.detections)))
        chip = Picture(uri, width, height, f"Close-up of place {number} before and after the change, with its outline.")
        return Shown((chip,), f"Close-up of place {number}.", tuple(charts))
    if shown is None:
        return Shown((), "", tuple(charts))
    chips = []
    frames = {"Before": shown.before, "After": shown.after}
    for (side, frame), image in zip(frames.items(), web.crop(evidence, shown, detection), strict=False):
        alt = f"Close-up of place {number}, {side.lower()}: {frame.label}."
        chips.append(_inline(image, alt, f"{side}: {frame.label}"))
    return Shown(tuple(chips), f"Close-up of place {number}; each square is one pixel.", tuple(charts))


def _inline(image: Image.Image, alt: str, label: str = "") -> Picture:
    return Picture(web.sharp_uri(image), image.width, image.height, alt, label)


def _drawing(svg: str, alt: str, label: str) -> Picture:
    width, height = series.size(svg)
    return Picture(web.svg_uri(series.themed(svg)), width, height, alt, label)


def _unseen(evidence: Evidence, shown: web.View | None) -> Picture:
    return _inline(
        web.observability(evidence, shown),
        "Map of the site: ground that was seen, ground that changed, and hatched ground that could not be observed.",
    )


def _placebo(placebo: Placebo, evidence: Evidence) -> dict[str, object]:
    if not placebo.counts:
        return {"sentence": placebo.sentence, "picture": None}
    svg = series.histogram(placebo.edges, placebo.counts, placebo.threshold, placebo.axis, evidence.simulated)
    return {"sentence": placebo.sentence, "picture": _drawing(svg, placebo.alt, placebo.label)}
