from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from changedet.errors import CatalogueError, FetchError, NoScenesError, ServiceError
from changedet.sources import Query
from changedet.sources.grid import layers, passes, solar_day
from changedet.sources.stac import Config, StacSource, open_source
from changedet.sources.transport import Patience
from changedet.stack import site_geobox
from changedet.store import Store
from tests.archive import BANDS, SIZE, Shot, day, footprint, ground, shot, write_archive, write_cog
from tests.loopback import send, serving

QUICK = Patience(attempts=2, connect=2, read=1, total=3, base=0.01)


def ring(reach: float = 0.0) -> tuple[tuple[float, float], ...]:
    west, south, east, north = footprint()
    west, south, east, north = west + reach, south + reach, east - reach, north - reach
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


def query(first: str = "2024-01-01", last: str = "2025-01-01", **more: Any) -> Query:
    return Query("sentinel-2", ring(0.0008), day(first), day(last), **more)


def opened(catalogue: Path) -> StacSource:
    return open_source(Config(catalog=catalogue.name), catalogue.parent, QUICK)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    still = ground()
    return write_archive(tmp_path / "archive", [shot(f"2024-0{month}-05", still, month) for month in range(1, 7)])


def test_scenes_come_in_order_of_time_within_the_dates(archive: Path) -> None:
    scenes = opened(archive).search(query("2024-02-05", "2024-05-05"))
    assert [scene.time.date().isoformat() for scene in scenes] == ["2024-02-05", "2024-03-05", "2024-04-05"]


def test_the_window_holds_the_native_digital_numbers(archive: Path, tmp_path: Path) -> None:
    source, store = opened(archive), Store(tmp_path / "cache")
    geobox = site_geobox(ring(0.003), 10)
    scene = source.search(query())[0]
    window = source.fetch(scene, ("red",), geobox, store).windows["red"]
    with rasterio.open(window.path) as kept, rasterio.open(scene.assets["red"].href) as original:
        assert kept.crs == original.crs
        assert kept.dtypes == original.dtypes
        row, column = original.index(*kept.transform * (0.5, 0.5))
        whole = original.read(1)
        np.testing.assert_array_equal(kept.read(1), whole[row : row + kept.height, column : column + kept.width])
        assert kept.height < original.height


def test_the_second_time_nothing_is_read(archive: Path, tmp_path: Path) -> None:
    source, store = opened(archive), Store(tmp_path / "cache")
    geobox = site_geobox(ring(0.003), 10)
    scene = source.search(query())[0]
    first = source.fetch(scene, BANDS, geobox, store)
    for path in archive.parent.rglob("*.tif"):
        # same size and time, other bytes: were the file read again, this would show
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)
        import os

        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert source.fetch(scene, BANDS, geobox, store) == first


def test_an_api_and_its_files_over_sockets_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    geobox = site_geobox(ring(0.003), 10)
    local = opened(archive)
    with serving(archive.parent) as served:
        remote = open_source(Config(catalog=f"{served.url}/catalog.json"), tmp_path, QUICK)
        near, far = local.search(query()), remote.search(query())
        assert [scene.id for scene in near] == [scene.id for scene in far]
        for a, b in zip(near, far, strict=True):
            left = local.fetch(a, BANDS, geobox, Store(tmp_path / "a")).windows
            right = remote.fetch(b, BANDS, geobox, Store(tmp_path / "b")).windows
            assert {band: window.sha256 for band, window in left.items()} == {
                band: window.sha256 for band, window in right.items()
            }
        assert remote.spent()["requests"] == len(served.requests)


def test_reflectance_is_that_of_the_ground(tmp_path: Path) -> None:
    still = np.full((SIZE, SIZE), 0.25)
    before = shot("2024-01-05", still, properties={"s2:processing_baseline": "03.01"})
    after = shot("2024-02-05", still, properties={"s2:processing_baseline": "05.10", "offset": -0.1})
    after.bands = {band: values + 1000 for band, values in after.bands.items()}
    source = opened(write_archive(tmp_path / "archive", [before, after]))
    geobox = site_geobox(ring(0.003), 10)
    store = Store(tmp_path / "cache")
    made = layers([source.fetch(scene, BANDS, geobox, store) for scene in source.search(query())], geobox)
    for layer in made:
        assert float(np.nanmean(layer.bands["red"])) == pytest.approx(0.25 * 0.9, abs=0.001)


def test_scenes_of_one_pass_are_fused(tmp_path: Path) -> None:
    left = np.full((SIZE, SIZE), 3000.0)
    left[:, SIZE // 2 :] = 0
    right = np.full((SIZE, SIZE), 4000.0)
    shots = [
        Shot("2024-01-05", {"red": left}, properties={"sat:relative_orbit": 7}, time="08:12:31"),
        Shot("2024-01-05", {"red": right}, properties={"sat:relative_orbit": 7}, time="08:12:45"),
        Shot("2024-01-05", {"red": right}, properties={"sat:relative_orbit": 50}, time="18:00:00"),
    ]
    write_archive(tmp_path / "one", shots[:1])
    write_archive(tmp_path / "two", shots[1:])
    geobox = site_geobox(ring(0.003), 10)
    store = Store(tmp_path / "cache")
    fetched = []
    for name in ("one", "two"):
        source = opened(tmp_path / name / "catalog.json")
        fetched += [source.fetch(scene, ("red",), geobox, store) for scene in source.search(query())]
    assert [(p.relative_orbit, len(p.scenes)) for p in passes(fetched)] == [(7, 2), (50, 1)]
    fused = layers(fetched, geobox)[0].bands["red"]
    middle = geobox.shape[1] // 2
    assert float(np.nanmedian(fused[:, : middle - 4])) == pytest.approx(0.3, abs=1e-6)
    assert float(np.nanmedian(fused[:, middle + 4 :])) == pytest.approx(0.4, abs=1e-6)
    assert np.isfinite(fused).all()


def test_a_pass_is_not_split_by_midnight(archive: Path) -> None:
    from dataclasses import replace

    scene = opened(archive).search(query())[0]
    fiji = tuple((lon + 140, lat) for lon, lat in scene.footprint)
    late = replace(scene, footprint=fiji, time=day("2024-01-05T23:59:50"))
    early = replace(scene, footprint=fiji, time=day("2024-01-06T00:00:10"))
    assert solar_day(late) == solar_day(early)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:600]), "damaged or cut short"),
        (lambda path: path.write_bytes(b""), "not a GeoTIFF"),
        (lambda path: path.write_bytes(b"<html>not found</html>"), "not a GeoTIFF"),
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_text('<VRTDataset rasterXSize="8" rasterYSize="8"></VRTDataset>'), "not a GeoTIFF"),
    ],
)
def test_a_damaged_asset_names_its_scene_and_band(
    archive: Path, tmp_path: Path, damage: Callable[[Path], object], word: str
) -> None:
    damage(archive.parent / "sentinel-2-2024-01-05-x" / "nir.tif")
    source = opened(archive)
    scene = source.search(query())[0]
    with pytest.raises(FetchError, match=word) as caught:
        source.fetch(scene, BANDS, site_geobox(ring(0.003), 10), Store(tmp_path / "cache"))
    assert (caught.value.scene, caught.value.asset) == ("sentinel-2-2024-01-05-x", "nir")


def test_an_asset_elsewhere_is_said_not_to_cover_the_site(archive: Path, tmp_path: Path) -> None:
    folder = archive.parent / "sentinel-2-2024-01-05-x"
    write_cog(folder / "nir.tif", np.ones((SIZE, SIZE), np.uint16), epsg=32633)
    source = opened(archive)
    with pytest.raises(FetchError, match="does not cover the site"):
        source.fetch(source.search(query())[0], BANDS, site_geobox(ring(0.003), 10), Store(tmp_path / "cache"))


def edit(archive: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = archive.parent / "sentinel-2-2024-01-05-x" / "sentinel-2-2024-01-05-x.json"
    item = json.loads(path.read_text())
    change(item)
    path.write_text(json.dumps(item))


@pytest.mark.parametrize(
    "href",
    ["../../../secret.tif", "/etc/hostname", "file:///etc/hostname", "/vsicurl/http://127.0.0.1/x", "s3://bucket/x.tif",
     "http://example.org/x.tif", "https://me:pw@example.org/x.tif", "https://127.0.0.1/x.tif"],
)  # fmt: skip
def test_a_hostile_href_is_not_opened(archive: Path, tmp_path: Path, href: str) -> None:
    write_cog(tmp_path / "secret.tif", np.ones((SIZE, SIZE), np.uint16))
    edit(archive, lambda item: item["assets"]["nir"].update(href=href))
    source = opened(archive)
    with pytest.raises(FetchError, match=r"allowed|outside|pays|public") as caught:
        source.fetch(source.search(query())[0], ("nir",), site_geobox(ring(0.003), 10), Store(tmp_path / "cache"))
    assert "pw" not in str(caught.value)
    assert source.spent()["requests"] == 0


def test_links_out_of_the_folder_and_in_circles_are_not_followed(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps({"type": "Catalog", "links": []}))
    catalogue = json.loads(archive.read_text())
    catalogue["links"] += [{"rel": "child", "href": "./catalog.json"}, {"rel": "child", "href": "../outside.json"}]
    archive.write_text(json.dumps(catalogue))
    with pytest.raises(CatalogueError, match="outside"):
        opened(archive).search(query())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "FeatureCollection"}', '"x"', '{"a":' * 5000])
def test_what_is_not_stac_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalog.json").write_text(text)
    with pytest.raises(CatalogueError, match=r"not STAC|cannot be read"):
        opened(tmp_path / "catalog.json").search(query())


def test_a_missing_catalogue_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such file"):
        opened(tmp_path / "catalog.json")


def test_swapped_coordinates_are_recognised(archive: Path) -> None:
    swapped = tuple((lat, lon) for lon, lat in ring())
    with pytest.raises(NoScenesError, match="longitude comes first"):
        opened(archive).search(Query("sentinel-2", swapped, day("2024-01-01"), day("2025-01-01")))


def test_sensors_and_collections_are_told_apart(tmp_path: Path) -> None:
    radar = Shot("2024-01-06", {"vv": np.float32(0.1)}, sensor="sentinel-1", properties={"sat:relative_orbit": 21})
    source = opened(write_archive(tmp_path / "archive", [shot("2024-01-05", ground()), radar]))
    assert [s.sensor for s in source.search(query())] == ["sentinel-2"]
    assert [s.sensor for s in source.search(query(collection="any"))] == ["sentinel-2"]  # items carry no collection
    found = source.search(Query("sentinel-1", ring(), day("2024-01-01"), day("2025-01-01")))
    assert [s.relative_orbit for s in found] == [21]


def test_of_two_processings_the_newest_baseline_is_used(tmp_path: Path) -> None:
    shots = [
        shot("2024-01-05", ground(), properties={"s2:processing_baseline": b, "grid:code": "MGRS-37SFU", "k": b})
        for b in ("02.14", "05.00")
    ]
    for one in shots:
        one.properties["sat:relative_orbit"] = 1
    write_archive(tmp_path / "a", shots[:1])
    write_archive(tmp_path / "b", shots[1:])
    both: dict[str, Any] = {"type": "Catalog", "id": "x", "links": []}
    for name in ("a", "b"):
        folder = tmp_path / name
        path = next(folder.glob("*/*.json"))
        item = json.loads(path.read_text())
        item["id"] = name
        path.write_text(json.dumps(item))
        both["links"] += [{"rel": "child", "href": f"./{name}/catalog.json"}]
    (tmp_path / "catalog.json").write_text(json.dumps(both))
    assert [scene.id for scene in opened(tmp_path / "catalog.json").search(query())] == ["b"]


def test_a_fault_on_the_way_is_named_not_swallowed(archive: Path, tmp_path: Path) -> None:
    def broken(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if not handler.path.endswith("nir.tif"):
            return False
        send(handler, 503, b"", "text/plain")
        return True

    with serving(archive.parent, fault=broken) as served:
        source = open_source(Config(catalog=f"{served.url}/catalog.json"), tmp_path, QUICK)
        scene = source.search(query())[0]
        with pytest.raises(FetchError, match="503 Service Unavailable"):
            source.fetch(scene, BANDS, site_geobox(ring(0.003), 10), Store(tmp_path / "cache"))


def test_a_catalogue_address_out_of_the_rules_is_refused(tmp_path: Path) -> None:
    for address in ("http://example.org/v1", "https://user:pw@example.org/v1", "ftp://example.org"):
        with pytest.raises(CatalogueError, match=r"allowed") as caught:
            open_source(Config(catalog=address), tmp_path)
        assert "pw" not in str(caught.value)


def test_a_service_that_is_down_is_a_service_error(tmp_path: Path) -> None:
    source = open_source(Config(catalog="http://127.0.0.1:9/"), tmp_path, QUICK)
    with pytest.raises(ServiceError, match="connection failed"):
        source.search(query())
