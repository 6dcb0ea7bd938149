"""``change.tif`` and ``changed.tif``: the ChangeMap for other people's tools, as Cloud Optimized GeoTIFFs.

``change.tif`` has one float32 band a variable of the ChangeMap, named in the band descriptions, NaN where there is no
value: ``changed`` is 1, 0, or NaN where not observable; the onsets are days since 1970-01-01 UTC, which float32 keeps
to within 85 s.
``changed.tif`` has one byte band with a colour table: 0 unchanged, 1 changed, 255 not observable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.windows import Window

from changedet import scratch
from changedet.evidence import Evidence
from changedet.stack import CHANGE_VARIABLES, geobox_of

BLOCK = 512
UNITS: Mapping[str, str] = {
    "score": "1",
    "p_value": "probability",
    "changed": "0 unchanged, 1 changed, NaN not observable",
    "observable": "0 no, 1 yes",
    "n_before": "acquisitions",
    "n_after": "acquisitions",
    "onset_after": "days since 1970-01-01T00:00:00Z",
    "onset_before": "days since 1970-01-01T00:00:00Z",
}
MEANING: Mapping[str, str] = {
    "score": "larger is more changed",
    "p_value": "probability of so large a score where nothing changed",
    "changed": "three-valued: missing data is never no change",
    "observable": "whether any statement can be made",
    "n_before": "clear acquisitions in the reference period",
    "n_after": "clear acquisitions in the after-window",
    "onset_after": "last acquisition consistent with before; float32 keeps it to within 85 s",
    "onset_before": "first acquisition consistent with after; float32 keeps it to within 85 s",
}
UNCHANGED, CHANGED, NOT_OBSERVABLE = 0, 1, 255
COLOURS = {UNCHANGED: (222, 222, 222, 255), CHANGED: (213, 94, 0, 255), NOT_OBSERVABLE: (0, 0, 0, 0)}
EPOCH = np.datetime64("1970-01-01", "ns")


def write(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write both rasters into ``folder``; the same evidence gives the same bytes."""
    return _write_change(evidence, folder / "change.tif"), _write_changed(evidence, folder / "changed.tif")


def band_values(change: xr.Dataset, name: str, rows: slice = slice(None)) -> NDArray[np.float32]:
    """Some rows of one variable as ``change.tif`` stores them."""
    values = change[name].values[rows]
    if values.dtype.kind == "M":
        days = (values - EPOCH) / np.timedelta64(1, "D")
        return days.astype(np.float32)
    plain = values.astype(np.float32)
    if name == "changed":
        plain[~change.observable.values[rows]] = np.nan
    return plain


def changed_values(change: xr.Dataset, rows: slice = slice(None)) -> NDArray[np.uint8]:
    """Some rows of ``changed.tif``."""
    observable, changed = change.observable.values[rows], change.changed.values[rows]
    return np.where(observable, np.where(changed, CHANGED, UNCHANGED), NOT_OBSERVABLE).astype(np.uint8)


def _write_change(evidence: Evidence, path: Path) -> Path:
    change = evidence.change
    names = tuple(CHANGE_VARIABLES)

    def fill(raster: rasterio.io.DatasetWriter) -> None:
        for band, name in enumerate(names, start=1):
            raster.set_band_description(band, name)
            raster.set_band_unit(band, UNITS[name])
            raster.update_tags(band, meaning=MEANING[name])
            for rows, window in _strips(raster.height, raster.width):
                raster.write(band_values(change, name, rows), band, window=window)
            scratch.release([change[name].values])

    return _cog(evidence, path, {"count": len(names), "dtype": "float32", "nodata": np.nan}, fill)


def _write_changed(evidence: Evidence, path: Path) -> Path:
    change = evidence.change

    def fill(raster: rasterio.io.DatasetWriter) -> None:
        raster.set_band_description(1, "changed")
        raster.update_tags(1, meaning="0 unchanged, 1 changed, 255 not observable")
        raster.write_colormap(1, COLOURS)
        for rows, window in _strips(raster.height, raster.width):
            raster.write(changed_values(change, rows), 1, window=window)

    return _cog(evidence, path, {"count": 1, "dtype": "uint8", "nodata": NOT_OBSERVABLE}, fill)


def _cog(
    evidence: Evidence, path: Path, profile: Mapping[str, object], fill: Callable[[rasterio.io.DatasetWriter], None]
) -> Path:
    """A COG by way of a GeoTIFF beside it: GDAL's COG driver only copies, and from memory it would hold all twice."""
    geobox = geobox_of(evidence.change)
    height, width = geobox.shape
    draft = path.with_name(f".{path.stem}.draft.tif")
    layout = {"driver": "GTiff", "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "band"}
    packing = {"compress": "deflate", "zlevel": 1, "bigtiff": "if_safer"}
    place = {"height": height, "width": width, "crs": str(geobox.crs), "transform": geobox.affine}
    try:
        with rasterio.open(draft, "w", **layout, **packing, **place, **profile) as raster:
            raster.update_tags(attribution=evidence.attribution, simulated="yes" if evidence.simulated else "no")
            fill(raster)
        rasterio.shutil.copy(
            draft,
            path,
            driver="COG",
            compress="DEFLATE",
            # floating-point prediction helps the scores; a colour table admits none
            predictor="YES" if profile["dtype"] == "float32" else "NO",
            blocksize=BLOCK,
            # noise in the low bits of float32 hardly packs: a whole tile takes minutes at the usual level
            level=1,
            num_threads="ALL_CPUS",
            # a mean of flags or of dates would be a value that no pixel has
            overview_resampling="NEAREST",
            bigtiff="IF_SAFER",
        )
        _check_ends(path)
    except CPLE_BaseError as error:
        raise OSError(f"{path.name}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return path


def _check_ends(path: Path) -> None:
    """Read the last pixels of each band: where a disk was full, GDAL may have said nothing."""
    with rasterio.open(path, driver="GTiff") as raster:
        raster.read(window=Window(raster.width - 1, raster.height - 1, 1, 1))


def _strips(height: int, width: int) -> Iterator[tuple[slice, Window]]:
    for top in range(0, height, BLOCK):
        rows = min(BLOCK, height - top)
        yield slice(top, top + rows), Window(0, top, width, rows)
