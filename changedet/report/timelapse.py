"""``timelapse.gif`` and ``timelapse.webp``: the clear dates one after another, with date and time of change on each.

Under the picture runs an axis of time: a tick a frame, the bracket in which the changes began, and where the frame
stands. Detections are outlined from the first acquisition on that is consistent with "after". One palette serves all
frames of the GIF, so that colours do not flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely.geometry.base import BaseGeometry

from changedet.evidence import Evidence
from changedet.report import pictures, scenery, words
from changedet.report.choose import Pair, clear_shares, utc
from changedet.report.pictures import GREY, INK, PAPER, QUIET, YELLOW, Box, Pen
from changedet.report.scenery import View
from changedet.report.stretch import Stretch, Zoom, joint_stretch, leading_rendition, side_values

CLEAR = 0.8
MOST_FRAMES = 60
SIDE = 480
"""Points of the longer side of the picture at most."""
NARROWEST = 360
"""Points of width that the lettering needs."""
FRAME_MS, LEAST_MS, LAST_MS, WHOLE_MS = 450, 150, 2200, 12_000
"""A frame lasts as long as ``WHOLE_MS`` allows, within bounds; the last one stays."""
WEBP_QUALITY = 80
COLOURS = 120
"""Of the GIF's palette, beside the accents."""
VERMILLION = (213, 94, 0)
"""Of Okabe and Ito's palette."""


@dataclass(frozen=True, slots=True)
class Film:
    """What the frames have in common."""

    view: View
    stretch: Stretch
    frames: tuple[int, ...]
    """Positions on ``time`` of the stack."""
    bracket: tuple[np.datetime64, np.datetime64] | None
    """Last acquisition before any change and first one after all changes."""
    outlines: tuple[tuple[np.datetime64, BaseGeometry], ...]
    """From when on each outline is drawn, and the outline in points of the picture."""


def write(evidence: Evidence, folder: Path, *, most: int = MOST_FRAMES) -> tuple[Path, ...]:
    """Write both files; nothing where no stack has two clear dates."""
    film = plan(evidence, most=most)
    if film is None:
        return ()
    frames = [frame(evidence, film, position) for position in film.frames]
    each = max(LEAST_MS, min(FRAME_MS, WHOLE_MS // len(frames) // 10 * 10))
    durations = [each] * (len(frames) - 1) + [LAST_MS]
    gif, webp = folder / "timelapse.gif", folder / "timelapse.webp"
    palette = _palette(frames)
    flat = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in frames]
    flat[0].save(gif, save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=False)
    frames[0].save(
        webp, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=WEBP_QUALITY, method=4
    )
    return gif, webp


def plan(evidence: Evidence, *, most: int = MOST_FRAMES) -> Film | None:
    """The frames of the first stack, optical ones first, that has at least two clear dates."""
    rows, cols = scenery.grid_shape(evidence)
    side = max(rows, cols)
    zoom = Zoom(reduce=-(-side // SIDE)) if side > SIDE else Zoom(enlarge=SIDE // side)
    for key, stack in evidence.stacks.items():
        clear = np.flatnonzero(clear_shares(stack) >= CLEAR)
        if clear.size < 2:
            continue
        bracket = _bracket(evidence)
        frames = thin(stack.time.values, clear, bracket, most)
        view = View(Pair(key, frames[:1], frames[-1:]), leading_rendition(stack), zoom, narrowest=NARROWEST)
        spread = frames[:: max(1, len(frames) // 8)]
        sample = [side_values(stack, (i,), view.look, reduce=zoom.reduce) for i in spread]
        return Film(view, joint_stretch(sample, view.look), frames, bracket, _outlines(evidence, view))
    return None


def thin(
    times: NDArray[np.datetime64],
    clear: NDArray[np.intp],
    bracket: tuple[np.datetime64, np.datetime64] | None,
    most: int,
) -> tuple[int, ...]:
    """At most ``most`` of the clear dates, evenly spread; the first, the last and those next to the bracket stay."""
    if clear.size <= most:
        return tuple(int(i) for i in clear)
    keep = {int(clear[0]), int(clear[-1])}
    if bracket is not None:
        early, late = clear[times[clear] <= bracket[0]], clear[times[clear] >= bracket[1]]
        keep |= {int(i) for i in (*early[-1:], *late[:1])}
    rest = [int(i) for i in clear if int(i) not in keep]
    places = np.linspace(0, len(rest) - 1, max(0, most - len(keep)))
    return tuple(sorted(keep | {rest[round(place)] for place in places}))


def frame(evidence: Evidence, film: Film, position: int) -> Image.Image:
    """One frame: the picture, and below it the date, the axis of time and the attribution."""
    stack, view = evidence.stacks[film.view.pair.key], film.view
    values = side_values(stack, (position,), view.look, reduce=view.zoom.reduce)
    picture = Image.fromarray(scenery.plain_panel(values, film.stretch, view))
    now = stack.time.values[position]
    for since, shape in film.outlines:
        if now >= since:
            pictures.outline(picture, shape, Pen(2, 1))
    if evidence.simulated:
        scenery.stamp(evidence, picture, view)
    width = max(picture.width, NARROWEST)
    size = round(width / 22)
    paper = Image.new("RGB", (width, picture.height + round(7.4 * size)), PAPER)
    paper.paste(picture, ((width - picture.width) // 2, 0))
    _caption(evidence, film, paper, picture.height, position)
    return paper


def _caption(evidence: Evidence, film: Film, paper: Image.Image, top: int, position: int) -> None:
    stack, size = evidence.stacks[film.view.pair.key], round(paper.width / 22)
    draw, pad, room = ImageDraw.Draw(paper), size // 2, paper.width - size
    now = stack.time.values[position]
    big, small = pictures.font(round(size * 1.15), bold=True), pictures.font(round(size * 0.68))
    draw.text((pad, top + size * 0.4), words.instant(words.utc(now)), font=big, fill=INK)
    told = _state(film, now)
    draw.text((paper.width - pad, top + size * 0.4), told, font=big, fill=_state_colour(told), anchor="ra")
    _axis(
        draw, film, stack.time.values, (pad, top + round(size * 2.3), paper.width - pad, top + round(size * 3.3)), now
    )
    scenes = {scene.id: scene for scene in evidence.scenes}
    by = scenery.side_lines(evidence, film.view.pair.key, (position,), scenes)[1]
    _bar(draw, evidence, film, (pad, top + round(size * 4.25)), size)
    draw.text(
        (paper.width - pad, top + size * 4.0), pictures.fit(by, small, room * 0.6), font=small, fill=QUIET, anchor="ra"
    )
    for line, height in ((evidence.site.name, 5.2), (evidence.attribution, 6.2)):
        draw.text((pad, top + size * height), pictures.fit(line, small, room), font=small, fill=QUIET)


def _bar(draw: ImageDraw.ImageDraw, evidence: Evidence, film: Film, corner: tuple[int, int], size: int) -> float:
    """A scale bar with its label; returns its length in metres."""
    per_point = scenery.metres_per_point(evidence, film.view)
    length = pictures.round_length(per_point * size * 5)
    points = round(length / per_point)
    draw.rectangle((*corner, corner[0] + points - 1, corner[1] + max(2, size // 6)), fill=INK)
    label = pictures.font(round(size * 0.68))
    draw.text(
        (corner[0] + points + size // 3, corner[1] - size * 0.25), pictures.length_words(length), font=label, fill=INK
    )
    return length


def _axis(draw: ImageDraw.ImageDraw, film: Film, times: NDArray[np.datetime64], box: Box, now: np.datetime64) -> None:
    """Time from the first to the last frame: the bracket of the changes shaded, a tick a frame, a mark on this one."""
    left, top, right, bottom = box
    first, last = times[film.frames[0]], times[film.frames[-1]]

    def x(moment: np.datetime64) -> float:
        return left + 4 + float((moment - first) / (last - first)) * (right - left - 8)

    draw.rectangle((left, top, right - 1, bottom), fill=(238, 238, 238))
    if film.bracket is not None:
        start, end = (min(max(x(moment), left), right - 1) for moment in film.bracket)
        draw.rectangle((start, top, max(end, start + 2), bottom), fill=VERMILLION)
    for position in film.frames:
        draw.line((x(times[position]), top + (bottom - top) // 2, x(times[position]), bottom), fill=INK)
    here = x(now)
    draw.rectangle((here - 3, top - 3, here + 3, bottom + 3), fill=YELLOW, outline=INK)


def _state(film: Film, now: np.datetime64) -> str:
    """Where a frame stands to the changes."""
    if film.bracket is None:
        return ""
    if now <= film.bracket[0]:
        return "before"
    return "after" if now >= film.bracket[1] else "changing"


def _state_colour(state: str) -> tuple[int, int, int]:
    return VERMILLION if state in ("after", "changing") else QUIET


def _outlines(evidence: Evidence, view: View) -> tuple[tuple[np.datetime64, BaseGeometry], ...]:
    dated = [(d.onset.before, d) for d in evidence.detections]
    return tuple((utc(since), scenery.on_picture(evidence, view, d)) for since, d in dated if since is not None)


def _bracket(evidence: Evidence) -> tuple[np.datetime64, np.datetime64] | None:
    starts = [d.onset.after for d in evidence.detections if d.onset.after is not None]
    ends = [d.onset.before for d in evidence.detections if d.onset.before is not None]
    if not ends:
        return None
    return utc(min(starts, default=min(ends) - timedelta(days=1))), utc(max(ends))


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """One palette for all frames: from a few of them side by side, and the accents, which are too small to be found."""
    some = frames[:: max(1, len(frames) // 6)]
    wide = Image.new("RGB", (sum(f.width for f in some), some[0].height + 8), (GREY,) * 3)
    left = 0
    for image in some:
        wide.paste(image, (left, 0))
        left += image.width
    found = wide.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).getpalette() or []
    accents = [part for colour in (YELLOW, VERMILLION, INK, PAPER, QUIET, (GREY,) * 3) for part in colour]
    palette = Image.new("P", (1, 1))
    palette.putpalette(found[: 3 * COLOURS] + accents)
    return palette
