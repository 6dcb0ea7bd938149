from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.report.public import public, public_text, public_value
from changedet.scene import Asset, Failure
from tests.report.builders import BuilderSource, make_evidence


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("https://h.org/a/b.tif?sig=SECRET: 403", "https://h.org/a/b.tif"),
        ("got 403 from https://user:pw@h.org/b.tif?sig=S here", "got 403 from https://h.org/b.tif here"),
        ("/home/jo/sat/S2A/nir.tif: truncated", "S2A/nir.tif: truncated"),
        ("clear over 3 % of the area, and/or hazy", "clear over 3 % of the area, and/or hazy"),
        ("at 14:58:17 the date 2025/03/11 was used", "at 14:58:17 the date 2025/03/11 was used"),
    ],
)
def test_sentences_lose_tokens_and_folders(text: str, published: str) -> None:
    assert public_text(text).startswith(published)
    assert "SECRET" not in public_text(text)


@pytest.mark.parametrize(
    ("value", "published"),
    [
        ("../data/catalog.json", "../data/catalog.json"),
        ("/home/jo/data/catalog.json", "data/catalog.json"),
        ("C:\\Users\\jo\\data\\catalog.json", "data/catalog.json"),
        ("https://h.org/v1?token=SECRET", "https://h.org/v1"),
        ({"a": ["/home/jo/x/y.tif", 3]}, {"a": ["x/y.tif", 3]}),
    ],
)
def test_settings_lose_tokens_and_folders(value: object, published: object) -> None:
    assert public_value(value) == published


def test_nothing_secret_is_left_in_an_evidence() -> None:
    made = make_evidence()
    scene = replace(
        made.scenes[0],
        source="/home/jo/archive/catalog.json",
        assets={"red": Asset(href="https://blob.example.org/c/red.tif?sv=1&sig=SECRET", checksum="1220ab")},
        notes=("read from /home/jo/archive/item.json",),
    )
    secret = replace(
        made,
        site=made.site.model_copy(update={"source": BuilderSource(catalog="/home/jo/archive/catalog.json")}),
        scenes=(scene, *made.scenes[1:]),
        failures=(Failure("S2A", "nir", "https://blob.example.org/c/nir.tif?sig=SECRET: timed out"),),
        notes=("cache at /home/jo/.cache/changedet/objects",),
        provenance=replace(made.provenance, parameters={"source": {"catalog": "/home/jo/archive/catalog.json"}}),
    )
    published = public(secret)
    assert "SECRET" not in str(published)
    assert "jo/" not in str(published)
    assert published.scenes[0].assets["red"].href == "https://blob.example.org/c/red.tif"
    assert published.scenes[0].assets["red"].checksum == "1220ab"
    assert public(published) == published


@given(st.text(alphabet="ab /:?#@~.%\\", max_size=40))
def test_publishing_twice_is_publishing_once(text: str) -> None:
    assert public_text(public_text(text)) == public_text(text)
    assert public_value(public_value(text)) == public_value(text)
