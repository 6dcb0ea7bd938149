"""``report.html``: one file that opens from disk, asks nobody for anything, and lets others check the finding.

The page carries its style, script and pictures; its policy forbids every request and every script but its own.
All text is escaped by the template engine; names are isolated, so that their direction cannot reorder ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from changedet.evidence import Evidence
from changedet.report import compared, figures, web, words
from changedet.report.content import content
from changedet.report.engine import environment, script_hash
from changedet.report.pictures import length_words, round_length
from changedet.report.public import public
from changedet.stack import geobox_of

TEMPLATES = Path(__file__).parent / "templates"
SLIDER = "img-comparison-slider-8.0.7.js"
NAME = "report.html"


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
    template = environment(TEMPLATES).get_template("report.html.j2")
    return template.render(
        c=content(evidence),
        css=Markup((TEMPLATES / "report.css").read_text("utf-8")),
        script=Markup(script),
        script_hash=script_hash(script),
        licence=(TEMPLATES / "vendor" / "LICENSE-img-comparison-slider.txt").read_text("utf-8"),
        swipe=None if shown is None else _swipe(evidence, shown),
        pictures=figures.places(evidence, shown, folder, pictures),
        unseen=figures.unseen(evidence, shown),
        chances=figures.chances(evidence),
        compared=compared.compared(evidence, shown),
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
    uris = []
    setting = web.Setting()
    for frame in offered:
        small, setting = web.squeeze(web.render(shown, frame, stamp=stamp), limit, setting)
        uris.append(small.uri)
    before = web.render(shown, shown.before, stamp=stamp)
    geobox = geobox_of(evidence.change)
    rows, cols = (int(size) // shown.reduce * shown.reduce for size in geobox.shape)
    metres = abs(float(geobox.resolution.x))
    bar = round_length(0.22 * cols * metres)
    return {
        "words": web.pair_words(shown),
        "width": before.width,
        "height": before.height,
        "grid_width": cols,
        "grid_height": rows,
        "before": shown.before.label,
        "after": shown.after.label,
        "before_uri": web.small(before, max(limit, web.PICTURE_BYTES)).uri,
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


def _km(metres: float) -> str:
    return f"{metres / 1000:.2f} km"
