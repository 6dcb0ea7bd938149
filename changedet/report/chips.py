"""``chips/detection-NN.png``: one close-up a detection, before | after | flagged, each pixel a square of 4–8 points.

The dates are chosen for the detection: outside its own onset bracket, and clear over its own surroundings.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report import pictures, scenery, words
from changedet.report.choose import Pair, Window, detection_pair
from changedet.report.scenery import View
from changedet.report.sheet import Layout, Sheet, draw
from changedet.report.stretch import Rendition, Stretch, Zoom, leading_rendition
from changedet.stack import geobox_of

MOST = 60
"""Close-ups of more detections than this say nothing more."""
CONTEXT = 3.0
"""Side of the window in longest sides of the detection."""
FEWEST, PIXELS = 64, 150
"""Pixels that a window has a side at least, and at most where the detection itself fits."""
PANEL = 600
"""Points that a panel has a side, about."""
COLUMN = 512


def write(evidence: Evidence, folder: Path, *, most: int = MOST) -> tuple[Path, ...]:
    """Write the close-ups of the first ``most`` detections that some stack shows on both sides."""
    written = []
    stretches: dict[Pair, Stretch] = {}
    for detection in evidence.detections[:most]:
        drawn = close_up(evidence, detection, stretches)
        if drawn is not None:
            (folder / "chips").mkdir(exist_ok=True)
            written.append(pictures.save(drawn[0], folder / "chips" / f"detection-{detection.number:02d}.png"))
    return tuple(written)


def close_up(
    evidence: Evidence, detection: Detection, stretches: dict[Pair, Stretch]
) -> tuple[Image.Image, Layout] | None:
    """Draw one close-up; None where no stack shows its surroundings on both sides.

    The stretch is that of the whole site on the same dates; ``stretches`` keeps those that were fitted.
    """
    view = chip_view(evidence, detection)
    if view is None:
        return None
    if view.pair not in stretches:
        whole = View(view.pair, view.look, Zoom.fit(scenery.grid_shape(evidence)))
        stretches[view.pair] = scenery.sides(evidence, whole).stretch
    both = scenery.sides(evidence, view, stretches[view.pair])
    panels = scenery.panels(evidence, view, both, (detection,))
    sheet = Sheet(
        title=f"{detection.number}. {detection.zone}" if detection.zone else f"Change {detection.number}",
        subtitles=_facts(evidence, detection, view),
        panels=panels,
        corners=scenery.corner_words(evidence, view, panels[0].image.size),
        metres_per_point=scenery.metres_per_point(evidence, view),
        north=scenery.true_north(evidence),
        legend=scenery.legend(evidence, view, both, flagged=True),
        footer=(evidence.attribution,),
        narrowest=view.narrowest,
    )
    return draw(sheet)


def chip_view(evidence: Evidence, detection: Detection) -> View | None:
    """The window, zoom and dates of a close-up, from the first stack that shows it on both sides."""
    window, zoom = chip_window(evidence, detection)
    for key, stack in evidence.stacks.items():
        pair = detection_pair(evidence, key, detection, window)
        if pair is not None:
            return View(pair, leading_rendition(stack), zoom, window, COLUMN)
    return None


def chip_window(evidence: Evidence, detection: Detection) -> tuple[Window, Zoom]:
    """A square about the detection, moved inside the grid where it would leave it, and its zoom.

    A detection too large for four points a pixel gets less; the sheet says how much.
    """
    grid = View(Pair("", (), ()), Rendition("", "", ("", "", "")), Zoom())
    left, top, right, bottom = scenery.on_picture(evidence, grid, detection).bounds
    extent = max(right - left, bottom - top)
    side = round(max(min(max(CONTEXT * extent, FEWEST), PIXELS), 1.3 * extent))
    shape = scenery.grid_shape(evidence)
    rows = _span((top + bottom) / 2, side, shape[0])
    cols = _span((left + right) / 2, side, shape[1])
    longest = max(rows.stop - rows.start, cols.stop - cols.start)
    if longest > PANEL * 2:
        return (rows, cols), Zoom(reduce=-(-longest // (PANEL * 2)))
    return (rows, cols), Zoom(enlarge=max(1, min(8, PANEL // longest)))


def _span(middle: float, side: int, limit: int) -> slice:
    start = max(0, min(round(middle - side / 2), limit - side))
    return slice(start, min(limit, start + side))


def _facts(evidence: Evidence, detection: Detection, view: View) -> tuple[str, ...]:
    resolution = abs(geobox_of(evidence.change).resolution.x)
    what = (
        f"consistent with {words.CONSISTENT_WITH[detection.kind]}" if detection.kind != "unknown" else "of unknown kind"
    )
    first = f"Change {what}, {words.area(detection.area)}, "
    return (
        first + f"{words.bracket(detection.onset)}; {words.probability(detection.p_value)}",
        f"{words.place(detection.centroid)}. {view.look.title}; {view.zoom.words(resolution)}",
    )
