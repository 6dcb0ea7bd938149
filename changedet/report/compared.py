"""The map of the places that the claim's objects were compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from odc.geo.geom import multipoint, polygon
from PIL import Image, ImageDraw

from changedet.answer import ClaimAnswer
from changedet.evidence import Evidence
from changedet.report import web
from changedet.report.words import count
from changedet.stack import geobox_of

OBJECT, CONTROL, HALO = (232, 93, 4), (31, 143, 224), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Compared:
    """The map and what it says."""

    sentence: str
    picture: web.Picture


def compared(evidence: Evidence, shown: web.View | None) -> Compared | None:
    """The map of objects and controls; None where no claim was asked or nothing was compared."""
    places = sorted({place for verdict in evidence.verdicts for place in verdict.controls})
    if evidence.claim is None or not places:
        return None
    each = [len(verdict.controls) for verdict in evidence.verdicts if verdict.controls]
    span = f"{min(each)}" if min(each) == max(each) else f"{min(each)} to {max(each)}"
    sentence = (
        f"Each object was compared with {span} places of its own shape on the same images, 300 m to 5 km away and "
        "alike in brightness, texture and restlessness before the event. How many of them look as changed as the "
        "object does is what each verdict rests on."
    )
    objects = count(len(evidence.claim.objects), "object")
    alt = f"Map of the site with {objects} of the claim and the places compared with."
    image = _drawn(evidence, evidence.claim, shown, places)
    if evidence.simulated:
        web.mark(image)
    return Compared(sentence, web.sharp(image, alt))


def _drawn(
    evidence: Evidence, claim: ClaimAnswer, shown: web.View | None, places: list[tuple[float, float]]
) -> Image.Image:
    geobox = geobox_of(evidence.change)
    if shown is not None:
        image = web.render(shown, shown.before).convert("L").convert("RGB")
        image = Image.blend(image, Image.new("RGB", image.size, HALO), 0.35)
        scale = image.width / (geobox.shape[1] // shown.reduce * shown.reduce)
    else:
        scale = max(1.0, web.LEAST_SIDE / max(geobox.shape))
        image = Image.new("RGB", (round(geobox.shape[1] * scale), round(geobox.shape[0] * scale)), (226, 226, 226))
    pen = ImageDraw.Draw(image)
    inverse = ~geobox.affine

    def at(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(scale * float(c), scale * float(r)) for c, r in (inverse * (x, y) for x, y in points)]

    crs = str(geobox.crs)
    dots = multipoint(places, "EPSG:4326").to_crs(crs)
    for x, y in at((point.coords[0][0], point.coords[0][1]) for point in dots.geoms):
        pen.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=CONTROL, outline=HALO)
    for one in claim.objects:
        ring = polygon(list(one.ring), "EPSG:4326").to_crs(crs)
        corners = at((x, y) for x, y in ring.exterior.points)
        pen.line(corners, fill=HALO, width=5)
        pen.line(corners, fill=OBJECT, width=2)
    return image
