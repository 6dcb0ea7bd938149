"""One article in a file: read, understood, and written out as drafts; and what to tell the person who asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from changedet.errors import FileError, InputError, Problem
from changedet.fromtext.drafts import UNKNOWN, Origin, write_drafts
from changedet.fromtext.gazetteer import load_gazetteer
from changedet.fromtext.proposal import Proposal, propose
from changedet.yamlfile import read_text

OWN = "gazetteer.csv"
"""A user's own gazetteer is taken from beside the article where it is called so."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What came of one article."""

    proposal: Proposal
    files: tuple[Path, ...]
    """Site files, claim files, and last the list of what is open."""

    def lines(self) -> tuple[str, ...]:
        """For a person: what was written, and what is left to decide."""
        found = self.proposal
        said = [
            f"site: {site.facility.name}, {site.facility.country}, named as {', '.join(site.written)}"
            for site in found.sites
        ] or ["no facility of the gazetteer was recognised: no site file was written"]
        around = [f"context: {place.written} is {place.name}, {place.country}" for place in found.context]
        heard = [
            f"{one.what} ({one.stance}): {', '.join(one.written) or 'the place itself'}" for one in found.assertions
        ]
        left = [f"left open: {one.text}: {one.reason}" for one in found.unresolved]
        return (*said, *around, *heard, *left, *map(str, self.files))

    def as_dict(self) -> dict[str, object]:
        """For a program."""
        found = self.proposal
        return {
            "sites": [
                {
                    "name": site.facility.name,
                    "kind": site.facility.kind,
                    "country": site.facility.country,
                    "position": list(site.facility.position),
                    "written": list(site.written),
                    "reasons": list(site.reasons),
                }
                for site in found.sites
            ],
            "context": [
                {"name": place.name, "country": place.country, "written": place.written, "reason": place.reason}
                for place in found.context
            ],
            "assertions": [
                {
                    "sentence": one.sentence,
                    "what": one.what,
                    "stance": one.stance,
                    "hedges": list(one.hedges),
                    "kinds": list(one.kinds),
                    "days": [span.text for span in one.dates],
                    "sites": list(one.sites),
                }
                for one in found.assertions
            ],
            "unresolved": [
                {
                    "text": one.text,
                    "reason": one.reason,
                    "sentence": one.sentence,
                    "candidates": list(one.candidates),
                }
                for one in found.unresolved
            ],
            "files": [str(path) for path in self.files],
        }


def draft_from_article(article: Path, folder: Path, *, origin: Origin = UNKNOWN) -> Drafted:
    """Read an article in English and write draft site and claim files into a folder.

    Parameters
    ----------
    origin : publisher, address and day of publication, written into the claims; the day also dates "this week"

    Raises
    ------
    FileError
        If the article or the gazetteer cannot be read.
    InputError
        If the text is too long, or the extra ``text`` is not installed.
    OutputError
        If a draft of that name is there already, or the folder cannot be written.
    """
    try:
        text = read_text(article)
    except ValueError as error:
        raise FileError((Problem(str(article), 1, "file", str(error)),)) from None
    if not text.strip():
        raise InputError(f"{article}: is empty; give the text of one report")
    beside = article.parent / OWN
    gazetteer = load_gazetteer(beside if beside.is_file() else None)
    proposal = propose(text, gazetteer, origin.published)
    return Drafted(proposal, write_drafts(proposal, folder, origin))
