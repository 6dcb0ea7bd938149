"""Burnt ground on six real fires: AUROC, overlap at the delivered threshold, and the kind that the rules name.

    python benchmarks/wildfire.py [--write]

Each pair of Sentinel-2 composites (blue green red nir swir22) becomes a Stack of two dates on a UTM grid of 20 m and
goes through the detectors and the region step of the package as they are. Truth: the published fire perimeters.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from oscd import auroc
from rasterio.features import rasterize
from rasterio.warp import Resampling, reproject
from tables import DATA, write_section

from changedet.detect import burn, pair
from changedet.regions import Detection, find_detections
from changedet.site import Period, SensorSpec, Site
from changedet.stack import Layer, Periods, build_stack, geobox_of, site_geobox
from changedet.values import SourceConfig

RATE = 0.01
RESOLUTION = 20.0
KEY = "sentinel-2"
DETECTORS = {"burn": burn, "pair": pair}


@dataclass(frozen=True)
class Fire:
    name: str
    stack: xr.Dataset
    site: Site
    burnt: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    """Pixels with truth and with data on both dates."""


@dataclass(frozen=True)
class Result:
    score: NDArray
    burnt: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    detected: NDArray[np.bool_]
    kinds: Mapping[str, float]
    """Share of the detected burnt pixels by the kind of the detection that covers them."""

    @property
    def kind(self) -> str:
        return max(self.kinds, key=lambda kind: self.kinds[kind]) if self.kinds else "none"


def load(folder: Path) -> Fire:
    with rasterio.open(folder / "pre.tif") as source:
        extent = GeoBox.from_rio(source).extent
        bands = source.descriptions
    ring = tuple((float(x), float(y)) for x, y in extent.exterior.coords)
    geobox = site_geobox(ring, RESOLUTION)
    # the folder's name ends in the day of the alarm; the composites' own dates are not published
    day = datetime.strptime(folder.name[-8:], "%Y%m%d").replace(tzinfo=UTC)
    moments = {"pre.tif": day - timedelta(days=10), "post.tif": day + timedelta(days=10)}
    layers = []
    for file, moment in moments.items():
        image = _warped(folder / file, geobox, 0).astype(np.float32) / 1e4
        image[:, (image == 0).all(axis=0)] = np.nan
        layers.append(Layer(moment, f"{folder.name}/{file}", "sentinel-2", -1, dict(zip(bands, image, strict=True))))
    stack = build_stack(layers, geobox, sensor="sentinel-2", key=KEY)
    truth = _warped(folder / "burned.tif", geobox, 255)[0]
    judged = (truth != 255) & stack.valid.values.all(axis=0)
    return Fire(folder.name, stack, _site(folder.name, ring, day.date()), truth == 1, judged)


def _warped(path: Path, geobox: GeoBox, nodata: int) -> NDArray:
    with rasterio.open(path) as source:
        native = source.read()
        image = np.full((source.count, *geobox.shape), nodata, native.dtype)
        reproject(
            native,
            image,
            src_transform=source.transform,
            src_crs=source.crs,
            dst_transform=geobox.affine,
            dst_crs=geobox.crs,
            src_nodata=nodata,
            dst_nodata=nodata,
            resampling=Resampling.nearest,
        )
    return image


def _site(name: str, ring: tuple[tuple[float, float], ...], day: date) -> Site:
    return Site(
        id=name.lower(),
        name=name,
        ring=ring,
        resolution=RESOLUTION,
        source=SourceConfig(kind="stac"),
        sensors={"sentinel-2": SensorSpec()},
        before=Period(first=day - timedelta(days=30), last=day - timedelta(days=1)),
        after=Period(first=day, last=day + timedelta(days=30)),
    )


def judge(fire: Fire, detector: str) -> Result:
    module = DETECTORS[detector]
    change = module.detect(fire.stack, Periods(fire.site.before, fire.site.after), module.Config(), RATE)
    detections = find_detections(change, {KEY: fire.stack}, {KEY: change}, fire.site, RATE)
    covered = [_covered(detection, geobox_of(change)) for detection in detections]
    inside = {}
    for detection, mask in zip(detections, covered, strict=True):
        inside[detection.kind] = inside.get(detection.kind, 0) + int((mask & fire.burnt & fire.judged).sum())
    total = sum(inside.values())
    kinds = {kind: count / total for kind, count in inside.items() if count}
    detected = np.any(covered, axis=0) if covered else np.zeros(fire.burnt.shape, bool)
    judged = fire.judged & change.observable.values
    return Result(
        change.score.values[judged], fire.burnt[judged], change.changed.values[judged], detected[judged], kinds
    )


def _covered(detection: Detection, geobox: GeoBox) -> NDArray[np.bool_]:
    outline = Geometry(dict(detection.polygon), "EPSG:4326").to_crs(geobox.crs)
    return rasterize([(outline.geom, 1)], geobox.shape, transform=geobox.affine).astype(bool)


def iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / max(1, (found | truth).sum()))


def table(fires: list[Fire], results: Mapping[str, list[Result]]) -> list[str]:
    lines = [
        f"Six fires, five bands, 20 m, each map flagged at `false_alarm_rate` {RATE}. No number was fitted to the "
        "perimeters, but all six were looked at: near infrared need not fall where the short-wave infrared rises "
        "(DOVE), and other forms of `burn` (RBR, ln ratio, 1–3 px) gave a pooled IoU of 0.68–0.76. *Kind*: that of "
        "the detections over most of the burnt pixels found. Pooled: all pixels of all fires, scores as delivered. "
        "By default the pipeline compares two dates by `pair`, whose null takes most of the map for stable: name "
        "`burn` where fire is the question. A rule that names it by itself (connected ground of 20 ha with a dNBR of "
        "0.1 to 0.27) was tried and left out: it met as many harvested fields of saclay_e and hongkong as fires.",
        "",
        "| fire | burnt | detector | AUROC | IoU of `changed` | IoU of detections | kind (share) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rows in results.items():
        for fire, row in zip(fires, rows, strict=True):
            kind = f"{row.kind} ({row.kinds.get(row.kind, 0):.2f})"
            lines.append(
                f"| {fire.name} | {row.burnt.mean():.0%} | {name} | {auroc(row.score, row.burnt):.3f} "
                f"| {iou(row.changed, row.burnt):.2f} | {iou(row.detected, row.burnt):.2f} | {kind} |"
            )
        score, truth, changed, detected = (
            np.concatenate([getattr(row, part) for row in rows]) for part in ("score", "burnt", "changed", "detected")
        )
        right = sum(row.kind == "burnt or sooted" for row in rows)
        lines.append(
            f"| **pooled** | {truth.mean():.0%} | {name} | **{auroc(score, truth):.3f}** "
            f"| **{iou(changed, truth):.2f}** | **{iou(detected, truth):.2f}** | **burnt: {right} of {len(rows)}** |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    fires = [load(folder) for folder in sorted((DATA / "wildfire").iterdir()) if folder.is_dir()]
    lines = table(fires, {name: [judge(fire, name) for fire in fires] for name in DETECTORS})
    print("\n".join(lines))
    if options.write:
        write_section("wildfire", "Burnt ground: six fires", "python benchmarks/wildfire.py --write", lines)


if __name__ == "__main__":
    main()
