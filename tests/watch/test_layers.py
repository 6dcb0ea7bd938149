"""Dates are kept in files: what was kept is what was read, and what is damaged is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from changedet.pipeline import load_site
from changedet.scene import CLASSIFICATION
from changedet.sources.acquire import find_scenes, open_source
from changedet.stack import site_geobox
from changedet.store import Store
from changedet.watch.layers import ALIGNED, Kept, Layers
from tests.archive import ground, shot, site_yaml, write_archive
from tests.watch.world import AFTER, BEFORE

BANDS = ("red", "nir")


def get(folder: Path) -> Kept:
    """The first date of the archive, through what is kept of it in the folder's cache."""
    site = load_site(folder / "site.yaml")
    source = open_source(site, folder)
    scenes = find_scenes(site, source)[:1]
    return Layers(Store(folder / "cache"), source, site_geobox(site.ring, 10)).get(scenes, (*BANDS, CLASSIFICATION))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_archive(tmp_path / "images", [shot("2024-05-03", ground()), shot("2024-08-03", ground())])
    site_yaml(tmp_path, "images/catalog.json", before=BEFORE, after=AFTER)
    return tmp_path


def assert_same(one: Kept, other: Kept) -> None:
    assert (one.name, one.checksums) == (other.name, other.checksums)
    assert list(one.layer.bands) == list(other.layer.bands) == list(BANDS)
    for band in BANDS:
        np.testing.assert_array_equal(one.layer.bands[band], other.layer.bands[band])
    assert one.layer.scl is not None
    np.testing.assert_array_equal(one.layer.scl, other.layer.scl)
    for part in ("time", "scene_id", "platform", "relative_orbit"):
        assert getattr(one.layer, part) == getattr(other.layer, part)


def test_what_was_kept_is_what_was_read(folder: Path) -> None:
    read = get(folder)
    (path,) = (folder / "cache" / "layers").rglob("*.date")
    head = path.read_bytes().split(b"\n", 1)[0] + b"\n"
    pixels = read.layer.bands["red"].size
    assert len(head) % ALIGNED == 0
    assert path.stat().st_size == len(head) + len(BANDS) * 4 * pixels + pixels
    for image in (folder / "images").rglob("*.tif"):
        image.unlink()
    for original in (folder / "cache" / "objects").rglob("*.tif"):
        original.unlink()
    assert_same(get(folder), read)


@pytest.mark.parametrize("damage", ["cut", "longer", "no record", "gone"])
def test_what_is_damaged_is_read_again(folder: Path, damage: str) -> None:
    read = get(folder)
    whole = [np.array(read.layer.bands[band]) for band in BANDS]
    (path,) = (folder / "cache" / "layers").rglob("*.date")
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes({"cut": content[:-1], "longer": content + b"\0", "no record": content[1:]}[damage])
    again = get(folder)
    for band, values in zip(BANDS, whole, strict=True):
        np.testing.assert_array_equal(again.layer.bands[band], values)
    assert path.read_bytes() == content
