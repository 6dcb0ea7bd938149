"""Site files."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.hostile.world import WORD, World, command

ALIASES = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
SITES: dict[str, Callable[[str], str]] = {
    "an id that climbs": lambda text: text.replace("id: tiny", "id: ../../tiny"),
    "an absolute id": lambda text: text.replace("id: tiny", "id: /etc/tiny"),
    "an id that is a parent": lambda text: text.replace("id: tiny", "id: '..'"),
    "a NUL in the id": lambda text: text.replace("id: tiny", 'id: "tiny\\0x"'),
    "right to left in the id": lambda text: text.replace("id: tiny", 'id: "ti\\u202eny"'),
    "a laughing document": lambda text: ALIASES + text,
    "a Python object": lambda text: text.replace("id: tiny", "id: !!python/object/apply:os.system ['touch stolen']"),
    "a Python name": lambda text: text.replace("id: tiny", "id: !!python/name:os.system"),
    "a tag of its own": lambda text: text.replace("id: tiny", "id: !include /etc/passwd"),
    "a merge": lambda text: "base: &b {id: evil}\n<<: *b\n" + text,
    "a deep nest": lambda text: text + "zones: " + "[" * 5000 + "]" * 5000 + "\n",
    "a number of a million digits": lambda text: text.replace("radius: 300", "radius: " + "9" * 900_000),
    "no number": lambda text: text.replace("radius: 300", "radius: .nan"),
    "a number without end": lambda text: text.replace("radius: 300", "radius: .inf"),
    "a catalogue in a file URL": lambda text: text.replace("archive/catalog.json", "file:///etc/passwd"),
    "a catalogue for GDAL": lambda text: text.replace("archive/catalog.json", "/vsicurl/http://{canary}/c.json"),
    "a catalogue over ftp": lambda text: text.replace("archive/catalog.json", "ftp://{canary}/catalog.json"),
    "a catalogue over http": lambda text: text.replace("archive/catalog.json", "http://example.org/catalog.json"),
    "a catalogue with a password": lambda text: text.replace(
        "archive/catalog.json", f"https://me:{WORD}@example.org/catalog.json"),
    "a catalogue that is a device": lambda text: text.replace("archive/catalog.json", "/dev/zero"),
    "a catalogue that is a text": lambda text: text.replace("archive/catalog.json", "secret.txt"),
    "an area in a file elsewhere": lambda text: text.replace("  center: ", "  file: secret.txt\n  x: "),
    "credentials in the file": lambda text: text.replace("kind: stac", f"kind: sentinelhub\n  client_secret: {WORD}"),
    "a source that is no source": lambda text: text.replace("kind: stac", "kind: ../../os"),
    "a source that is a module": lambda text: text.replace("kind: stac", "kind: transport"),
    "a detector that is a path": lambda text: text + "detect: {detectors: {../../os: {}}}\n",
    "bytes that are no text": lambda text: text + "\udcff",
}  # fmt: skip


@pytest.mark.parametrize("change", SITES.values(), ids=SITES)
def test_a_site_file_is_refused_with_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: Callable[[str], str]
) -> None:
    text = change(world.site.read_text()).replace("{canary}", world.address)
    world.site.write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.chdir(world.folder)
    before = world.tree()
    out, cache = world.folder / "out", world.folder / "cache"
    code, said = command(monkeypatch, capsys, "run", world.site, "--out", out, "--cache", cache)
    assert code == 2, said
    assert said.startswith("changedet: ")
    assert "Traceback" not in said
    assert WORD not in said
    assert len(said) < 5000
    assert not any(path.is_file() for path in out.rglob("*"))
    world.nothing_happened(before)
