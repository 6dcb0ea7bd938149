"""Site files of the OSCD cities."""

from __future__ import annotations

from pathlib import Path

import rasterio
from tables import DATA

RATE = 0.01
SITE = """\
id: {city}
name: {city} (OSCD)
bbox: [{west}, {south}, {east}, {north}]
source: {{kind: stac, catalog: {catalog}}}
sensors: {{sentinel-2: {{}}}}
before: [{first}, {first}]
after: [{last}, {last}]
detect:
  false_alarm_rate: {rate}
  {detector}: {{{settings}}}
"""


def site_file(folder: Path, city: str, detector: str, home: Path | None = None) -> Path:
    """The site file of a city, whose data lie in ``home``; ``learned`` takes the model of that city in ``folder``."""
    settings = f"model: {city}.npz" if detector == "learned" else ""
    home = home or DATA / "oscd" / city
    days = sorted(path.name for path in home.glob("20*"))
    extent = home / "change.tif"
    with rasterio.open(extent if extent.exists() else home / days[0] / "B02.tif") as image:
        west, south, east, north = image.bounds
    path = folder / f"{city}-{detector}.yaml"
    path.write_text(
        SITE.format(
            city=city, west=west, south=south, east=east, north=north, first=days[0], last=days[-1],
            catalog=home / "catalog.json", rate=RATE, detector=detector, settings=settings,
        )
    )  # fmt: skip
    return path
