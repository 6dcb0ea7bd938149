"""The archive on disk: what a reader of real archives will find there."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pystac.validation
import pytest
import rasterio
from pyproj import Transformer
from rasterio.features import geometry_mask
from shapely import transform
from shapely.geometry import Point, box, shape
from shapely.geometry.base import BaseGeometry

from changedet.errors import OutputError
from changedet.scene import OPTICAL_BANDS
from changedet.simulate import Event, Simulation, tank, write_archive
from changedet.simulate.truth import truth_features
from changedet.sitefile import read_site
from changedet.sources.stac import Config

ONE_TANK = Simulation(
    seed=3,
    months=6,
    size_m=800,
    cloud_share=0,
    decoys=False,
    structures=(tank("t", (-200.0, 200.0), 60.0),),
    events=(Event("gone", "Tank", "demolish", ("t",), date(2021, 6, 20), zone="fuel tank"),),
)
TO_UTM = Transformer.from_crs("EPSG:4326", "EPSG:32637", always_xy=True)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("one"), ONE_TANK)


@pytest.fixture(scope="module")
def items(catalog: Path) -> list[pystac.Item]:
    found = pystac.Catalog.from_file(str(catalog)).get_items(recursive=True)
    return sorted(found, key=lambda item: str(item.datetime))


@pytest.fixture(scope="module")
def truth(catalog: Path) -> dict[str, Any]:
    return dict(json.loads((catalog.parent / "truth.geojson").read_text()))


def _in_utm(geometry: dict[str, Any]) -> BaseGeometry:
    return transform(shape(geometry), lambda xy: np.column_stack(TO_UTM.transform(xy[:, 0], xy[:, 1])))


def _physical(item: pystac.Item, band: str) -> tuple[np.ndarray, Any]:
    asset = item.assets[band]
    words = asset.extra_fields["raster:bands"][0]
    with rasterio.open(asset.get_absolute_href()) as source:
        return source.read(1) * words.get("scale", 1.0) + words.get("offset", 0.0), source.transform


def _mean(item: pystac.Item, band: str, outline: BaseGeometry) -> float:
    image, grid = _physical(item, band)
    return float(image[geometry_mask([outline], image.shape, grid, invert=True)].mean())


def test_items_are_valid_stac(items: list[pystac.Item]) -> None:
    """Against the core schemas that pystac carries; those of extensions lie on the network."""
    for item in items[:: len(items) // 4]:
        document = item.to_dict()
        document["stac_extensions"] = []
        pystac.validation.validate_dict(document)


def test_items_say_what_a_reader_needs(items: list[pystac.Item]) -> None:
    for item in items:
        properties = item.properties
        assert properties["changedet:simulated"] is True
        assert properties["proj:code"] == "EPSG:32637"
        assert properties["sat:orbit_state"] in ("ascending", "descending")
        if item.collection_id == "sentinel-2-l2a":
            assert set(item.assets) == {*OPTICAL_BANDS, "scl"}
            assert properties["eo:cloud_cover"] == 0
            expected = {"03.01": 0.0, "04.00": -0.1}[properties["s2:processing_baseline"]]
            assert item.assets["red"].extra_fields["raster:bands"][0]["offset"] == expected
        else:
            assert item.collection_id == "sentinel-1-rtc"
            assert set(item.assets) == {"vv", "vh"}
    assert {item.properties["sat:relative_orbit"] for item in items} == {78, 116, 123}


def test_files_are_cogs_as_described(items: list[pystac.Item]) -> None:
    for item in items[::5]:
        for name, asset in item.assets.items():
            path = Path(asset.get_absolute_href() or "")
            assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
            with rasterio.open(path) as source:
                assert source.driver == "GTiff"
                assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert source.compression.value == "DEFLATE"
                assert list(source.shape) == asset.extra_fields["proj:shape"]
                assert list(source.transform)[:6] == asset.extra_fields["proj:transform"]
                assert source.dtypes[0] == {"scl": "uint8", "vv": "float32", "vh": "float32"}.get(name, "uint16")


def test_links_are_relative(catalog: Path) -> None:
    for document in catalog.parent.rglob("*.json"):
        content = json.loads(document.read_text())
        hrefs = [link["href"] for link in content["links"]]
        hrefs += [asset["href"] for asset in content.get("assets", {}).values()]
        assert not [href for href in hrefs if href.startswith("/") or "://" in href]
        assert str(catalog.parent) not in document.read_text()


def test_tank_is_bright_until_its_day_and_like_soil_since(items: list[pystac.Item], truth: dict[str, Any]) -> None:
    (gone,) = truth["features"]
    middle = _in_utm(gone["geometry"]).centroid.buffer(20)
    soil = Point(middle.centroid.x + 120, middle.centroid.y).buffer(30)
    for item in items:
        if item.collection_id != "sentinel-2-l2a":
            continue
        roof, ground = _mean(item, "blue", middle), _mean(item, "blue", soil)
        assert item.datetime is not None
        if item.datetime.date() < date(2021, 6, 20):
            assert roof - ground > 0.25
        else:
            assert abs(roof - ground) < 0.10


def test_radar_echo_falls_on_its_day(items: list[pystac.Item], truth: dict[str, Any]) -> None:
    outline = _in_utm(truth["features"][0]["geometry"])
    for orbit in (116, 123):
        track = [item for item in items if item.properties["sat:relative_orbit"] == orbit]
        before = [_mean(i, "vv", outline) for i in track if str(i.datetime)[:10] < "2021-06-20"]
        since = [_mean(i, "vv", outline) for i in track if str(i.datetime)[:10] >= "2021-06-20"]
        assert min(before) > 2 * max(since)


def test_reflectance_is_continuous_over_the_baseline_change(items: list[pystac.Item]) -> None:
    """The desert decodes alike on both sides, while the numbers jump by 1000."""
    optical = [item for item in items if item.collection_id == "sentinel-2-l2a"]
    old = [i for i in optical if i.properties["s2:processing_baseline"] == "03.01"][-3:]
    new = [i for i in optical if i.properties["s2:processing_baseline"] == "04.00"][:3]
    assert len(old) == len(new) == 3

    def level(scenes: list[pystac.Item]) -> float:
        return float(np.mean([np.median(_physical(item, "red")[0]) for item in scenes]))

    def numbers(item: pystac.Item) -> float:
        with rasterio.open(item.assets["red"].get_absolute_href()) as source:
            return float(np.median(source.read(1)))

    assert level(old) == pytest.approx(level(new), abs=0.015)
    assert numbers(new[0]) - numbers(old[-1]) == pytest.approx(1000, abs=200)


def test_truth_lies_within_the_site_and_after_the_reference() -> None:
    simulation = Simulation()
    west, north = simulation.origin
    area = box(west, north - simulation.size_m, west + simulation.size_m, north).buffer(0.5)
    features = truth_features(simulation)["features"]
    assert sum(f["properties"]["structural"] for f in features) == 4
    assert sum(f["properties"]["detectable"] for f in features) == 4
    assert len({f["properties"]["id"] for f in features}) == len(features)
    for feature in features:
        properties = feature["properties"]
        assert area.contains(_in_utm(feature["geometry"]))
        assert str(simulation.after.first) <= properties["date"] <= str(simulation.after.last)
        if properties["detectable"]:
            assert properties["size_m"] >= 50


def test_truth_has_the_size_it_says(truth: dict[str, Any]) -> None:
    """60 m across, and 5 m of rubble all around."""
    (gone,) = truth["features"]
    assert gone["properties"]["size_m"] == pytest.approx(70, abs=0.5)
    assert _in_utm(gone["geometry"]).area == pytest.approx(gone["properties"]["area_m2"], rel=0.01)


def test_site_file_is_read_by_the_real_reader(catalog: Path, items: list[pystac.Item]) -> None:
    site = read_site(
        catalog.parent / "site.yaml",
        source_config={"stac": Config}.get,
        detector_config=lambda _: None,
        source_kinds=("stac",),
        detector_names=(),
    )
    assert set(site.sensors) == {"sentinel-2", "sentinel-1"}
    assert [zone.kind for zone in site.zones] == ["fuel tank"]
    assert site.before.last < date(2021, 6, 20) <= site.after.last
    west, south, east, north = items[0].bbox or [0.0] * 4
    assert west < site.bbox[0]
    assert south < site.bbox[1]
    assert east > site.bbox[2]
    assert north > site.bbox[3]


SMALL = Simulation(months=3, size_m=400)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_simulation_same_bytes(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_archive(tmp_path / "a", SMALL, lambda done, total: calls.append((done, total)))
    write_archive(tmp_path / "b", SMALL)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert [done for done, _ in calls] == list(range(1, calls[0][1] + 1))


def test_what_lies_there_is_kept_or_replaced(tmp_path: Path) -> None:
    write_archive(tmp_path, SMALL)
    calls: list[int] = []
    write_archive(tmp_path, SMALL, lambda done, _: calls.append(done))
    assert not calls
    write_archive(tmp_path, Simulation(seed=1, months=3, size_m=400, sensors=("sentinel-1",)))
    assert not (tmp_path / "sentinel-2-l2a").exists()


def test_a_foreign_catalogue_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"type": "Catalog"}')
    with pytest.raises(OutputError, match="left alone"):
        write_archive(tmp_path, SMALL)
    assert (tmp_path / "catalog.json").read_text() == '{"type": "Catalog"}'


def test_a_file_in_the_way_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="out"):
        write_archive(tmp_path / "out", SMALL)
