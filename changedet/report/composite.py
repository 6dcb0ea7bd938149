"""``before.png``, ``after.png``, ``composite*.png``: the site before, after, and after with what was flagged.

Both sides go through one stretch that was fitted to both. Every picture carries dates in UTC, platform and orbit,
scale, true north, corner coordinates and attribution. Renditions are written where the bands exist: ``composite.png``
in true colour (or radar, where there is no optical stack), ``composite-nir.png``, ``composite-swir.png``, and
``composite-radar.png`` for each other radar stack (``composite-radar-2.png`` and on).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from changedet.evidence import Evidence
from changedet.report import chips, pictures, scenery
from changedet.report.choose import Pair, leading_pair, site_pair, stack_keys
from changedet.report.scenery import Sides, View
from changedet.report.sheet import Layout, Panel, Sheet, draw
from changedet.report.stretch import (
    NIR,
    RADAR_VH,
    RADAR_VV,
    SWIR,
    SWIR16,
    Rendition,
    Zoom,
    leading_rendition,
    rendition,
)
from changedet.stack import geobox_of

WEB_WIDTH = 1400


def write(evidence: Evidence, folder: Path, *, close_ups: int = chips.MOST) -> tuple[Path, ...]:
    """Write all composites, and close-ups of the first ``close_ups`` detections under ``chips/``.

    Nothing is written where no stack shows anything on both sides.
    """
    pair = leading_pair(evidence)
    if pair is None:
        return ()
    view = site_view(evidence, pair, leading_rendition(evidence.stacks[pair.key]))
    both = scenery.sides(evidence, view)
    panels = scenery.panels(evidence, view, both, evidence.detections)
    written = []
    for name, panel, side in (("before", panels[0], both.before), ("after", panels[1], both.after)):
        alone = _sheet(evidence, view, (panel,), Sides(side, side, both.stretch), flagged=False)
        written.append(pictures.save(draw(alone)[0], folder / f"{name}.png"))
    whole, _ = draw(_sheet(evidence, view, panels, both, flagged=True))
    written.append(pictures.save(whole, folder / "composite.png"))
    written.append(pictures.save(for_web(whole), folder / "composite-web.png"))
    for name, other, look in _further(evidence, pair):
        written.append(pictures.save(composite(evidence, other, look)[0], folder / f"{name}.png"))
    return (*written, *chips.write(evidence, folder, most=close_ups))


def composite(evidence: Evidence, pair: Pair, look: Rendition) -> tuple[Image.Image, Layout]:
    """Draw one composite: before, after, flagged."""
    view = site_view(evidence, pair, look)
    both = scenery.sides(evidence, view)
    panels = scenery.panels(evidence, view, both, evidence.detections)
    return draw(_sheet(evidence, view, panels, both, flagged=True))


def site_view(evidence: Evidence, pair: Pair, look: Rendition) -> View:
    """The whole site at the whole zoom that makes a panel for print."""
    return View(pair, look, Zoom.fit(scenery.grid_shape(evidence)))


def for_web(image: Image.Image) -> Image.Image:
    """The same picture, narrower."""
    size = (WEB_WIDTH, round(image.height * WEB_WIDTH / image.width))
    return image.resize(size, Image.Resampling.LANCZOS)


def _further(evidence: Evidence, leading: Pair) -> Iterator[tuple[str, Pair, Rendition]]:
    """The other renditions that the bands allow, with the names of their files."""
    stack = evidence.stacks[leading.key]
    for look in (rendition(stack, NIR), rendition(stack, SWIR, SWIR16)):
        if look is not None:
            yield f"composite-{look.name}", leading, look
    count = 0
    for key in stack_keys(evidence, "sentinel-1"):
        look, pair = rendition(evidence.stacks[key], RADAR_VV, RADAR_VH), site_pair(evidence, key)
        if look is not None and pair is not None and pair != leading:
            count += 1
            yield "composite-radar" if count == 1 else f"composite-radar-{count}", pair, look


def _sheet(evidence: Evidence, view: View, panels: tuple[Panel, ...], both: Sides, *, flagged: bool) -> Sheet:
    resolution = abs(geobox_of(evidence.change).resolution.x)
    return Sheet(
        title=evidence.site.name,
        subtitles=(f"{view.look.title}; {view.zoom.words(resolution)}",),
        panels=panels,
        corners=scenery.corner_words(evidence, view, panels[0].image.size),
        metres_per_point=scenery.metres_per_point(evidence, view),
        north=scenery.true_north(evidence),
        legend=scenery.legend(evidence, view, both, flagged=flagged),
        footer=(evidence.attribution,),
        narrowest=view.narrowest,
    )
