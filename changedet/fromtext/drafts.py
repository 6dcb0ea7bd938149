"""Drafts on disk: site and claim files with remarks on what to correct, and the list of what is open."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from changedet.errors import InputError, OutputError
from changedet.fromtext.assertions import Assertion
from changedet.fromtext.facilities import SiteProposal
from changedet.fromtext.proposal import Proposal
from changedet.fromtext.words import clean
from changedet.site import ZoneKind
from changedet.store import writing

FILL_IN = "FILL-IN"
"""Stands where the text gives no day; a site file that holds it is refused with its line."""
RADIUS = {"oil field": 5000, "dam": 2000}
USUAL_RADIUS = 2500
SIZES: dict[ZoneKind, float] = {
    "fuel tank": 20,
    "fuel depot": 50,
    "building": 20,
    "command installation": 30,
    "communications array": 20,
    "mast": 3,
}
"""Metres across that a claimed object is given until somebody measures it."""
_WINDOW_DAYS, _YEAR = 60, 365


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text was read, as far as that is known."""

    publisher: str | None = None
    url: str | None = None
    published: date | None = None

    @classmethod
    def of(cls, publisher: str | None, url: str | None, published: str | None) -> Origin:
        """From what a user typed.

        Raises
        ------
        InputError
            If the address or the day is none.
        """
        if url is not None and not url.startswith(("https://", "http://")):
            raise InputError(f"url {url}: must begin with https:// or http://")
        try:
            day = None if published is None else date.fromisoformat(published)
        except ValueError:
            raise InputError(f"published {published}: is no day; write it as 2025-04-18") from None
        return cls(publisher, url, day)


UNKNOWN = Origin()


def write_drafts(proposal: Proposal, folder: Path, origin: Origin = UNKNOWN) -> tuple[Path, ...]:
    """Write ``<site>.yaml`` and ``claims/<site>-….yaml`` for each proposed site, and ``open-questions.md``.

    Parameters
    ----------
    origin : where the text was read; what is not known of it stands as ``FILL-IN``, which no loader accepts

    Raises
    ------
    OutputError
        If a file of that name is already there (it may hold somebody's corrections) or the folder cannot be written.
    """
    files: dict[Path, str] = {}
    for name, site in zip(_slugs(site.facility.name for site in proposal.sites), proposal.sites, strict=True):
        said = tuple(one for one in proposal.assertions if site.facility.name in one.sites)
        files[folder / f"{name}.yaml"] = _site_file(name, site, said)
        for number, one in enumerate(said, 1):
            # what is not said to be is no claim, and a denial counts only for the place that it names
            skipped = one.stance == "intended" or (one.stance == "denied" and one.site_from != "this sentence")
            if one.kinds and not skipped:
                files[folder / "claims" / f"{name}-{one.what}-{number}.yaml"] = _claim_file(name, site, one, origin)
    files[folder / "open-questions.md"] = _open_questions(proposal)
    for path in files:
        if path.exists():
            raise OutputError(f"{path} is already there; give another folder or move it away")
    for path, text in files.items():
        with writing(path) as aside:
            aside.write_text(text, encoding="utf-8", newline="\n")
    return tuple(files)


def _slugs(names: Iterable[str]) -> Iterator[str]:
    """Folder-safe names, each once."""
    used: set[str] = set()
    for name in names:
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")[:48] or "site"
        number = 1
        while (unique := slug if number == 1 else f"{slug}-{number}") in used:
            number += 1
        used.add(unique)
        yield unique


def _quoted(text: str) -> str:
    """A YAML 1.2 double-quoted scalar on one line."""
    return json.dumps(clean(text), ensure_ascii=False)


def _days(assertions: Iterable[Assertion]) -> tuple[date, date] | None:
    spans = [span for one in assertions for span in one.dates]
    firsts = [span.first for span in spans if span.first is not None]
    lasts = [span.last for span in spans if span.last is not None]
    return (min(firsts), max(lasts)) if firsts and lasts else None


def _site_file(name: str, site: SiteProposal, said: tuple[Assertion, ...]) -> str:
    facility, days = site.facility, _days(said)
    lon, lat = facility.position
    lines = [
        "# DRAFT made from a text by rules. Correct it before you run it.",
        f"# Named in the text as: {clean(', '.join(site.written))}",
        *(f"# Why this place: {clean(reason)}" for reason in site.reasons),
        f"# Position: {clean(facility.source)}, to be checked on the first image.",
        f"id: {name}",
        f"name: {_quoted(facility.name)}",
        "area:",
        f"  center: [{lon}, {lat}]  # longitude, latitude; move it to the middle of the facility",
        f"  radius: {RADIUS.get(facility.kind, USUAL_RADIUS)}  # metres",
        "resolution: 10",
        "source:",
        "  kind: stac",
        "  catalog: https://earth-search.aws.element84.com/v1",
        "sensors:",
        "  sentinel-2:",
        "    collection: sentinel-2-l2a",
        "    max_cloud: 60",
    ]
    if days is None:
        lines += [
            "# The text gives no day that could be used. Fill in both: before, a year without the event; after, from",
            "# the day on which the event can first have happened, and some weeks more.",
            f"before: [{FILL_IN}, {FILL_IN}]",
            f"after: [{FILL_IN}, {FILL_IN}]",
        ]
    else:
        first, last = days
        before = (first - timedelta(days=_YEAR), first - timedelta(days=1))
        lines += [
            "# The days come from the text; before is the year up to them, after ends two months later.",
            f"before: [{before[0]}, {before[1]}]",
            f"after: [{first}, {last + timedelta(days=_WINDOW_DAYS)}]",
        ]
    kinds = dict(pair for one in said for pair in zip(one.kinds, one.written, strict=True))
    if kinds:
        lines += [
            "# Placeholders in the middle of the site: the text does not say where these objects stood.",
            "zones:",
        ]
        for kind, written in kinds.items():
            lines += [
                f"  - name: {_quoted(f'{written} (position not known)')}",
                f"    kind: {kind}",
                f"    center: [{lon}, {lat}]",
                "    radius: 500",
                '    note: "Placeholder. Find the object on a clear image from before the event."',
            ]
    return "\n".join(lines) + "\n"


def _claim_file(name: str, site: SiteProposal, one: Assertion, origin: Origin) -> str:
    lon, lat = site.facility.position
    days = _days([one])
    window = f"[{days[0]}, {days[1]}]" if days else f"[{FILL_IN}, {FILL_IN}]"
    given = ", ".join(f"{span.text!r}" for span in one.dates) or "none"
    lines = [
        "# DRAFT made from a text by rules. Correct it before you verify it.",
        f"# Site taken from: {one.site_from}. Stance: {one.stance}"
        + (f" ({clean(', '.join(one.hedges))})." if one.hedges else "."),
        f"# Days in the text: {clean(given)}.",
        f"quotation: {_quoted(one.sentence)}",
        "source:",
        f"  url: {_quoted(origin.url) if origin.url else FILL_IN}",
        f"  date: {origin.published or FILL_IN}",
        f"  publisher: {_quoted(origin.publisher) if origin.publisher else FILL_IN}",
        f"site: ../{name}.yaml",
        f"what: {'intact' if one.stance == 'denied' else one.what}",
        f"window: {window}",
        "objects:",
    ]
    for kind, written in zip(one.kinds, one.written, strict=True):
        lines += [
            f"  - name: {_quoted(written)}",
            f"    kind: {kind}",
            f"    center: [{lon}, {lat}]",
            f"    size: {SIZES.get(kind, 20):g}  # metres across, assumed",
            '    note: "Placeholder in the middle of the site; the text gives neither position nor size."',
        ]
    return "\n".join(lines) + "\n"


def _open_questions(proposal: Proposal) -> str:
    lines = ["# Open questions", ""]
    if not proposal.sites:
        lines += ["No facility of the gazetteer was recognised in the text, so no draft was written.", ""]
    if not proposal.assertions:
        lines += ["No sentence says that something was destroyed, damaged, built or left intact.", ""]
    if proposal.context:
        lines += ["## Places around, as understood", ""]
        lines += [
            f"- {_plain(place.written)}: {place.name}, {place.country}; {place.reason}" for place in proposal.context
        ]
        lines += [""]
    lines += ["## Left open", ""]
    for one in proposal.unresolved:
        lines += [f"- **{_plain(one.text)}**: {_plain(one.reason)}", f"  > {_plain(one.sentence)}"]
        lines += [f"  - perhaps: {_plain(candidate)}" for candidate in one.candidates]
    if not proposal.unresolved:
        lines += ["Nothing."]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", clean(text))
