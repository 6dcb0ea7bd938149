"""``report.pdf``: the page's content on A4, for print and for files, set by Typst (extra ``pdf``).

The template reads text as data from a JSON file beside it; no name ever becomes markup. Fonts are those that Typst and
matplotlib carry, so that the same evidence gives the same bytes on every machine. The PDF is tagged (PDF/UA-1).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl

from changedet.errors import InputError
from changedet.evidence import Evidence
from changedet.report import figures, web
from changedet.report.content import content
from changedet.report.page import TEMPLATES
from changedet.report.public import public
from changedet.report.web import Picture

NAME = "report.pdf"


def write(evidence: Evidence, folder: Path, pictures: Mapping[str, Path] | None = None) -> tuple[Path, ...]:
    """Write ``report.pdf`` into the folder.

    Parameters
    ----------
    evidence : everything that travelled
    folder : the run folder; close-ups are taken from ``chips/detection-NN.png`` in it where they exist
    pictures : close-ups elsewhere, by the same relative name

    Returns
    -------
    The one file written.

    Raises
    ------
    InputError
        If Typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise InputError(
            "report.pdf is set by typst, which is not installed; install it with: pip install 'changedet[pdf]'"
        ) from None
    evidence = public(evidence)
    with tempfile.TemporaryDirectory() as name:
        desk = Path(name)
        _lay_out(evidence, folder, pictures or {}, desk)
        typst.compile(
            str(desk / "report.typ"),
            output=str(desk / NAME),
            root=str(desk),
            font_paths=[str(Path(mpl.get_data_path()) / "fonts" / "ttf")],
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],
        )
        path = folder / NAME
        path.write_bytes((desk / NAME).read_bytes())
    return (path,)


def _lay_out(evidence: Evidence, folder: Path, pictures: Mapping[str, Path], desk: Path) -> None:
    """Put the template, the text as JSON and the pictures under names of our own into the folder ``desk``."""
    names = iter(range(1_000_000))

    def put(picture: Picture) -> dict[str, str]:
        name = f"picture-{next(names)}.{picture.kind}"
        (desk / name).write_bytes(picture.data)
        return {"file": name, "alt": picture.alt, "label": picture.label}

    shown = web.view(evidence)
    places = figures.places(evidence, shown, folder, pictures)
    data = {
        "content": asdict(content(evidence)),
        "pair": None if shown is None else [put(picture) for picture in _pair(evidence, shown)],
        "pair_caption": "" if shown is None else web.pair_words(shown),
        "places": {
            str(number): {
                "chip": [put(picture) for picture in place.chip],
                "caption": place.caption,
                "charts": [put(picture) for picture in place.charts],
            }
            for number, place in places.items()
        },
        "unseen": put(figures.unseen(evidence, shown)),
        "chances": [{"sentence": c.sentence, "picture": put(c.picture)} for c in figures.chances(evidence)],
    }
    (desk / "data.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    (desk / "report.typ").write_bytes((TEMPLATES / "report.typ").read_bytes())


def _pair(evidence: Evidence, shown: web.View) -> tuple[Picture, ...]:
    """Before and after, with the outlines of what was found on the latter."""
    before, after = (web.render(shown, frame, stamp=evidence.simulated) for frame in (shown.before, shown.after))
    after = web.with_outlines(after, evidence, shown)
    return (
        web.small(before, alt=f"The site before: {shown.before.label}.", label=f"Before: {shown.before.label}"),
        web.small(after, alt=f"The site after: {shown.after.label}.", label=f"After, outlined: {shown.after.label}"),
    )
