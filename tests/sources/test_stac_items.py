"""Real items of every archive that users have, against a table written by reading the items themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from changedet.sources.stac_items import UnreadableItemError, scene_from_item

OPTICAL = "blue green red nir swir16 swir22"


class Facts(NamedTuple):
    """What a person reads in an item."""

    file: str
    time: str
    platform: str
    level: str
    baseline: str | None
    orbit: int | None
    direction: str | None
    cloud: float | None
    bands: str
    offset: float
    endings: tuple[str, ...]
    """Ends of the addresses of the bands, in their order."""
    noted: bool = False
    """Whether the item contradicts itself."""


EARTH_SEARCH_C1 = tuple(f"B{band}.tif" for band in ("02", "03", "04", "08", "11", "12"))
PLANETARY = tuple(f"_{b}m.tif" for b in ("B02_10", "B03_10", "B04_10", "B08_10", "B11_20", "B12_20", "SCL_20"))
JP2 = tuple(f"/B{band}.jp2" for band in ("02", "03", "04", "08", "11", "12"))

TABLE = [
    Facts("aws--sentinel1-rtc--S1A_20200103_17RMJ_ASC", "2020-01-03T23:36:21", "sentinel-1a", "RTC", None, 121,
          "ascending", None, "vv vh", 0.0, ("/Gamma0_VV.tif", "/Gamma0_VH.tif")),
    *(Facts(f"earthsearch--sentinel-1-grd--S1A_IW_GRDH_1SSH_20250731T{span}_060328_077F7E", time, "sentinel-1a", "GRD",
            None, 56, "ascending", None, "", 0.0, ())
      for span, time in (("135608_20250731T135637", "2025-07-31T13:56:22"),
                         ("135637_20250731T135702", "2025-07-31T13:56:49"),
                         ("135702_20250731T135722", "2025-07-31T13:57:12"))),
    *(Facts(f"earthsearch--sentinel-2-c1-l2a--S2B_{tail}_L2A", time, "sentinel-2b", "L2A", "05.11", 95, None, cloud,
            f"{OPTICAL} scl", -0.1, (*EARTH_SEARCH_C1, "SCL.tif"))
      for tail, time, cloud in (("T20EPT_20250731T131905", "2025-07-31T13:19:22", 26.02542),
                                ("T24MUV_20250731T130245", "2025-07-31T13:03:27", 56.813848),
                                ("T24MVV_20250731T130245", "2025-07-31T13:03:25", 34.760532))),
    *(Facts(f"earthsearch--sentinel-2-l1c--S2B_{tail}_L1C", time, "sentinel-2b", "L1C", "05.11", 95, None, cloud,
            OPTICAL, -0.1, JP2)
      for tail, time, cloud in (("20EPT_20250731_0", "2025-07-31T13:19:22", 0.0),
                                ("24MUV_20250731_0", "2025-07-31T13:03:27", 45.6180746319331))),
    # the flag says that the offset was applied to the pixels, raster:bands says it was not: the flag is right
    *(Facts(f"earthsearch--sentinel-2-l2a--S2B_{tail}_L2A", time, "sentinel-2b", "L2A", "05.11", 95, None, cloud,
            f"{OPTICAL} scl", 0.0, (*EARTH_SEARCH_C1, "SCL.tif"), True)
      for tail, time, cloud in (("20EPT_20250731_0", "2025-07-31T13:19:22", 26.02542),
                                ("24MUV_20250731_0", "2025-07-31T13:03:27", 56.813848),
                                ("24MVV_20250731_0", "2025-07-31T13:03:25", 34.760532))),
    *(Facts(f"planetarycomputer--sentinel-2-l2a--S2A_MSIL2A_20190101T000001_R116_{tail}", "2019-01-01T00:00:01",
            "sentinel-2a", "L2A", "02.12", 116, "descending", cloud, f"{OPTICAL} scl", 0.0, PLANETARY)
      for tail, cloud in (("T59VPE_20201007T214658", 60.399535), ("T60VUJ_20201007T214652", 36.231313),
                          ("T60VUK_20201007T214652", 56.297088))),
    Facts("stactools--sentinel-1-grd--S1A_IW_GRDH_1SDV_20210809T173953", "2021-08-09T17:40:05", "sentinel-1a", "GRD",
          None, 59, "ascending", None, "vv vh", 0.0,
          ("s1a-iw-grd-vv-20210809t173953-20210809t174018-039156-049f13-001.tiff",
           "s1a-iw-grd-vh-20210809t173953-20210809t174018-039156-049f13-002.tiff")),
    Facts("stactools--sentinel-2-l2a--S2A_T07HFE_20190212T192646_L2A", "2019-02-12T19:26:51", "sentinel-2a", "L2A",
          "02.12", 13, "descending", 51.580326, f"{OPTICAL} scl", 0.0, PLANETARY),
]  # fmt: skip


def item(contracts: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((contracts / "stac-items" / f"{name}.json").read_text())
    return content


@pytest.mark.parametrize("facts", TABLE, ids=lambda facts: facts.file)
def test_every_real_item_reads_as_a_person_reads_it(contracts: Path, facts: Facts) -> None:
    scene = scene_from_item(item(contracts, facts.file), "archive")
    assert scene.time.isoformat()[:19] == facts.time
    assert scene.time.utcoffset() is not None
    assert (scene.platform, scene.level, scene.baseline) == (facts.platform, facts.level, facts.baseline)
    assert (scene.relative_orbit, scene.orbit_direction) == (facts.orbit, facts.direction)
    assert scene.cloud_share == pytest.approx(facts.cloud) if facts.cloud is not None else scene.cloud_share is None
    assert " ".join(scene.assets) == facts.bands
    for ending, (band, asset) in zip(facts.endings, scene.assets.items(), strict=True):
        assert asset.href.endswith(ending)
        assert asset.offset == (0.0 if band == "scl" else facts.offset)
        assert asset.scale == (1e-4 if scene.sensor == "sentinel-2" and band != "scl" else 1.0)
    assert bool(scene.notes) == facts.noted


def test_no_item_was_left_out(contracts: Path) -> None:
    assert {facts.file for facts in TABLE} == {path.stem for path in (contracts / "stac-items").glob("*.json")}


def minimal(**properties: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "bbox": [1, 2, 3, 4],
        "properties": {"datetime": "2024-01-01T10:00:00Z", "platform": "sentinel-2a", **properties},
        "assets": {"red": {"href": "https://example.org/red.tif", "type": "image/tiff"}},
    }


@pytest.mark.parametrize(
    ("properties", "offset"),
    [
        ({"s2:processing_baseline": "03.01"}, 0.0),
        ({"s2:processing_baseline": "04.00"}, -0.1),
        ({"s2:processing_baseline": "05.11", "earthsearch:boa_offset_applied": True}, 0.0),
        ({"s2:processing_baseline": "05.11", "earthsearch:boa_offset_applied": False}, -0.1),
        # a scene of 2019 that was processed again carries the offset: its date must not decide
        ({"s2:processing_baseline": "05.00", "datetime": "2019-06-01T10:00:00Z"}, -0.1),
        ({}, 0.0),
    ],
)
def test_the_offset_follows_the_baseline_and_the_flag(properties: dict[str, Any], offset: float) -> None:
    assert scene_from_item(minimal(**properties), "s").assets["red"].offset == offset


def test_stac_1_1_band_words() -> None:
    raw = minimal()
    raw["assets"] = {
        "B08": {
            "href": "a.tif",
            "type": "image/tiff",
            "bands": [{"name": "B08", "eo:common_name": "nir", "raster:scale": 0.0001, "raster:offset": -0.1}],
        }
    }
    asset = scene_from_item(raw, "s").assets["nir"]
    assert (asset.scale, asset.offset) == (1e-4, -0.1)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"id": "x", "properties": {}},
        {**minimal(), "properties": {"datetime": "yesterday", "platform": "sentinel-2a"}},
        {**minimal(), "properties": {"datetime": "2024-01-01T10:00:00Z", "platform": "landsat-8"}},
        {**minimal(), "assets": None},
        {**minimal(), "assets": {"red": "https://example.org"}},
    ],
)
def test_what_is_no_item_is_said_to_be_none(broken: dict[str, Any]) -> None:
    with pytest.raises(UnreadableItemError):
        scene_from_item(broken, "s")
