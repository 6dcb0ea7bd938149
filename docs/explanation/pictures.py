"""The pictures of ``verdicts.md``, made again from a simulation: ``python docs/explanation/pictures.py``.

Every pixel is computed from random numbers, and every picture says so.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date
from pathlib import Path

from PIL import Image

from changedet import pipeline
from changedet.evidence import Evidence
from changedet.regions import Detection, Onset
from changedet.report import series, web
from changedet.simulate import Event, Simulation, mast, tank, write_archive
from changedet.simulate.truth import to_lonlat
from changedet.verdict import Verdict

HERE = Path(__file__).resolve().parent
PLACES = {"north tank": (0, 150), "south tank": (0, -150), "east tank": (300, 0), "small tank": (-300, 0)}
WORLD = Simulation(
    seed=5,
    months=18,
    size_m=1800,
    cloud_share=0.15,
    sensors=("sentinel-2",),
    decoys=False,
    structures=(
        *(tank(name, where, 8 if name == "small tank" else 40) for name, where in PLACES.items()),
        mast("mast", (150, -300)),
    ),
    events=(
        Event("north", "North tank", "demolish", ("north tank",), date(2022, 3, 1)),
        Event("east", "East tank", "demolish", ("east tank",), date(2022, 6, 10)),
    ),
)
WINDOW = "[2022-02-15, 2022-04-15]"


def claim_of(archive: Path) -> Path:
    """All five are claimed destroyed between February and April; one was."""
    lines = (archive / "claim.yaml").read_text("utf-8").split("objects:")[0].splitlines()
    kept = [line for line in lines if not line.startswith(("#", "window:", "quotation:"))]
    kept += ['quotation: "Four tanks and a mast were destroyed in March 2022."', f"window: {WINDOW}", "objects:"]
    for one in WORLD.all_structures:
        lon, lat = to_lonlat(WORLD, one.footprint.centroid).coords[0]
        kept += [
            f"  - name: {one.id}",
            f"    kind: {'mast' if one.kind == 'mast' else 'fuel tank'}",
            f"    center: [{lon:.7f}, {lat:.7f}]",
            f"    size: {one.length}",
        ]
    path = archive / "five.yaml"
    path.write_text("\n".join(kept) + "\n", "utf-8")
    return path


def place_of(number: int, verdict: Verdict, ring: tuple[tuple[float, float], ...]) -> Detection:
    """A claimed object, so that it can be drawn as a place."""
    shape = {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]}
    onset = Onset(verdict.bracket_after, verdict.bracket_before)
    return Detection(number, shape, 0.0, ring[0], 0.0, verdict.p_intact or 1.0, onset, "unknown", {})


def draw(evidence: Evidence, place: Detection, folder: Path, name: str) -> None:
    """Before and after side by side, and the series beneath the name of the object."""
    shown = web.view(evidence)
    assert shown is not None
    before, after = web.crop(evidence, shown, place, margin=14)
    pair = Image.new("RGB", (before.width + after.width + 12, before.height), (255, 255, 255))
    pair.paste(before, (0, 0))
    pair.paste(after, (before.width + 12, 0))
    pair.save(folder / f"{name}.png", optimize=True)
    (measured,) = series.measure(evidence, place)
    drawn = series.themed(series.draw(measured, simulated=True))
    (folder / f"{name}.svg").write_text(drawn, "utf-8")
    print(f"  before {shown.before.label}; after {shown.after.label}; {measured.summary()}")


def main() -> None:
    """Write the pictures, and print what the verdicts say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "images")
    folder = parser.parse_args().out
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_archive(work / "archive", WORLD)
        path = claim_of(work / "archive")
        claim, _ = pipeline.load_claim(path)
        answer = pipeline.verify(path, work / "out", cache=work / "cache")
        assert answer.evidence is not None
        for number, (one, verdict) in enumerate(zip(claim.objects, answer.verdicts, strict=True), 1):
            print(
                f"{verdict.outcome}: {verdict.sentence} {verdict.reasons} p_intact={verdict.p_intact} "
                f"p_claimed={verdict.p_claimed} power={verdict.power} limit={verdict.smallest_diameter} "
                f"dates={verdict.date_first} {verdict.date_last} needed={verdict.needed}"
            )
            draw(answer.evidence, place_of(number, verdict, one.ring()), folder, one.name.replace(" ", "-"))


if __name__ == "__main__":
    main()
