"""Items and catalogues."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.archive import footprint
from tests.hostile.world import VICTIM, WORD, World, acquire


def _deep(world: World) -> None:
    world.item.write_text('{"type": "Feature", "x": ' + "[" * 200_000 + "]" * 200_000 + "}")


def _sparse(world: World) -> None:
    with world.item.open("wb") as file:
        file.truncate(100_000_000)


def _many(world: World) -> None:
    west, south, east, north = footprint()
    ring = [[west + (east - west) * i / 150_000, south] for i in range(150_000)]
    world.edit(lambda item: item["geometry"].update(coordinates=[[*ring, [east, north], ring[0]]]))


def _link(href: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        path = world.archive / "catalog.json"
        catalogue = json.loads(path.read_text())
        target = href.replace("{folder}", str(world.folder)).replace("{canary}", world.address)
        catalogue["links"].append({"rel": "item", "href": target})
        path.write_text(json.dumps(catalogue))

    return change


DOCUMENTS: dict[str, tuple[Callable[[World], object], str]] = {
    "a deep nest": (_deep, "refused"),
    "a hundred megabytes": (_sparse, "refused"),
    "a link that climbs": (_link("../secret.json"), "refused"),
    "a link to a file": (_link("file://{folder}/secret.json"), "refused"),
    "a link to GDAL": (_link("/vsicurl/http://{canary}/x.json"), "refused"),
    "a link to the network": (_link("http://{canary}/x.json"), "refused"),
    "a link to nothing at all": (_link("\0"), "refused"),
    "corners without number": (
        lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[[[float("nan"), 1]] * 5])), "passed over"),
    "corners beyond the world": (
        lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[[[1e300, 1e300]] * 5])), "passed over"),
    "two corners": (lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[[[40, 35]] * 2])), "passed over"),
    "corners that are words": (
        lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[["ab"] * 5])), "passed over"),
    "a hundred thousand corners": (_many, "passed over"),
    "a geometry of another kind": (lambda w: w.edit(lambda i: i.update(geometry=[1], bbox=None)), "passed over"),
    "no properties": (lambda w: w.edit(lambda i: i.update(properties=None)), "passed over"),
    "assets in a list": (lambda w: w.edit(lambda i: i.update(assets=[1, 2])), "passed over"),
    "a year without end": (
        lambda w: w.edit(lambda i: i["properties"].update(datetime="0001-01-01T00:00:00+14:00")), "passed over"),
    "a scale without end": (
        lambda w: w.edit(lambda i: i["assets"]["red"]["raster:bands"][0].update(scale=float("inf"))), "used"),
    "a resolution of nothing": (lambda w: w.edit(lambda i: i["assets"]["red"].update(gsd=1e-300)), "used"),
    "an orbit of thirty digits": (
        lambda w: w.edit(lambda i: i["properties"].update({"sat:relative_orbit": 10**30})), "used"),
    "a cloud share beyond numbers": (
        lambda w: w.edit(lambda i: i["properties"].update({"eo:cloud_cover": 10**400})), "used"),
    "links of nothing": (lambda w: (w.archive / VICTIM / "c.json").write_text("null"), "used"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_read_with_care(world: World, change: Callable[[World], object], expected: str) -> None:
    change(world)
    before = world.tree()
    outcome, sentence = acquire(world)
    assert outcome == expected, sentence
    assert bool(sentence) == (expected == "refused")
    assert WORD not in sentence
    world.nothing_happened(before)
