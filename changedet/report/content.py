"""What the page and the PDF say, once: ``Evidence`` in words and figures, ready to be set.

Everything here is plain text, nothing is markup: the templates escape it. The finding comes first, then what could be
seen, then how sure it is, then where everything came from. No sentence names a cause or an actor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from changedet.answer import ClaimAnswer
from changedet.evidence import Evidence
from changedet.regions import Detection, Onset
from changedet.report import words
from changedet.report.ground import lone_pixels
from changedet.report.origin import Fact, Input, inputs, parameters
from changedet.stack import geobox_of
from changedet.verdict import Verdict

NOT_VALIDATED = "Satellite-only analysis, not yet validated in the field."
UNCALIBRATED = (
    "The rate of false alarms was not measured on this site in this run: there is no placebo histogram. The p-values "
    "come from the detector's own formula, which assumes more than real images keep; take them as a ranking."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, set for reading."""

    subject: str
    outcome: str
    label: str
    sentence: str
    reasons: tuple[str, ...]
    figures: tuple[Fact, ...]
    needed: str = ""
    """What image would settle it."""
    placed: str = ""
    """How the object's footprint was placed."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """The claim, set for reading."""

    quotation: str
    source: str
    asked: str
    """What is said to have happened to what, and when."""
    answer: Answer
    limit: str
    """How small an object could have shown."""
    meaning: str
    """What the verdict's word means, and what it does not."""


@dataclass(frozen=True, slots=True)
class Place:
    """A detection, set for reading."""

    number: int
    kind: str
    zone: str | None
    where: str
    area: str
    when: str
    p: str
    sentence: str
    """All of it in two sentences."""
    directions: tuple[Fact, ...]
    scenes: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Fragment of the page."""
        return f"place-{self.number}"


@dataclass(frozen=True, slots=True)
class Content:
    """The whole report in words."""

    site: str
    where: str
    headline: str
    summary: tuple[str, ...]
    facts: tuple[Fact, ...]
    answers: tuple[Answer, ...]
    places: tuple[Place, ...]
    notes: tuple[str, ...]
    observable: str
    lone: str
    """What passed the pixel threshold without making a place; empty where nothing did."""
    limits: tuple[str, ...]
    dropped: tuple[Fact, ...]
    failures: tuple[Fact, ...]
    inputs: tuple[Input, ...]
    run: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    parameters: tuple[Fact, ...]
    attribution: str
    simulated: bool
    claim: Quoted | None = None
    caution: str = NOT_VALIDATED
    uncalibrated: str = UNCALIBRATED


def content(evidence: Evidence) -> Content:
    """All that a report says, as text."""
    return Content(
        site=words.clean(evidence.site.name),
        where=words.place(evidence.site.center),
        headline=headline(evidence),
        summary=tuple(words.tight(sentence) for sentence in summary(evidence)),
        facts=tuple(Fact(fact.label, words.tight(fact.value)) for fact in facts(evidence)),
        answers=answers(evidence.claim, evidence.verdicts),
        places=tuple(_place(detection) for detection in evidence.detections),
        notes=tuple(words.clean(note) for note in evidence.notes),
        observable=observable_sentence(evidence),
        lone=words.tight(" ".join(_lone(evidence))),
        limits=tuple(limits(evidence)),
        dropped=tuple(Fact(words.clean(d.scene), words.clean(d.reason)) for d in evidence.dropped),
        failures=tuple(
            Fact(words.clean(f"{f.scene}, {f.asset}" if f.asset else f.scene), words.clean(f.reason))
            for f in evidence.failures
        ),
        inputs=inputs(evidence),
        run=(
            Fact("Run", words.clean(evidence.provenance.run_id)),
            Fact("Seed of random numbers", str(evidence.provenance.seed)),
        ),
        versions=tuple(
            Fact(words.clean(k), words.clean(str(v))) for k, v in sorted(evidence.provenance.versions.items())
        ),
        parameters=parameters(evidence),
        attribution=words.clean(evidence.attribution).strip(),
        simulated=evidence.simulated,
        claim=None if evidence.claim is None else quoted(evidence.claim),
    )


def observable_share(evidence: Evidence) -> float:
    """Share of the site, 0–1, on which change could have been seen."""
    return float(evidence.change.observable.values.mean())


def headline(evidence: Evidence) -> str:
    """The finding in one line, to follow the site's name."""
    if evidence.claim is not None:
        return f"the claim is {evidence.claim.whole.outcome}"
    changed, zones = sum(v.outcome == "supported" for v in evidence.verdicts), len(evidence.verdicts)
    if changed:
        spelled = words.spelled(zones, "zone").lower()
        every = {1: "its zone", 2: "both zones"}.get(zones, f"all {spelled}")
        return f"change found in {every if changed == zones else f'{words.spelled(changed).lower()} of {spelled}'}"
    if evidence.detections:
        number = words.spelled(len(evidence.detections), "place").lower()
        return f"{number} changed{_span(evidence.detections)}"
    if observable_share(evidence) == 0:
        return "nothing could be seen"
    if evidence.change.changed.values.any():
        return "no change that stands out from chance"
    return "no change found where these images could show one"


def _span(detections: Iterable[Detection]) -> str:
    onsets = [detection.onset for detection in detections]
    starts = [onset.after for onset in onsets if onset.after is not None]
    ends = [onset.before for onset in onsets if onset.before is not None]
    if not starts or not ends:
        return ""
    return f" between {words.day(min(starts))} and {words.day(max(ends))}"


def summary(evidence: Evidence) -> Iterable[str]:
    """A few sentences: what changed, where most, when, how sure; or what could have been seen."""
    found = evidence.detections
    if not found:
        yield from _nothing(evidence)
        return
    total = sum(detection.area for detection in found)
    if evidence.verdicts:
        span = _span(found) or " in the period asked about"
        yield f"{words.spelled(len(found), 'place')} within the site changed{span}, {words.area(total)} in all."
    elif len(found) > 1:
        yield f"Together they cover {words.area(total)}."
    first = min(found, key=lambda d: d.number)
    largest = max(found, key=lambda d: d.area)
    lead = "The most significant, and the largest," if first is largest else "The most significant,"
    lead = f"{lead} number {first.number} on the picture,"
    lead = f"Number {first.number} on the picture" if len(found) == 1 else lead
    yield f"{lead} covers {words.area(first.area)} and changed {words.bracket(first.onset)}."
    yield f"It shows {consistent(first)}; {words.chance(first.p_value)}."
    if largest is not first:
        yield (
            f"The largest, number {largest.number}, covers {words.area(largest.area)} and shows {consistent(largest)}."
        )


def consistent(detection: Detection) -> str:
    """``change consistent with a structure removed``: what the signal is like, never why."""
    if detection.kind == "unknown":
        return "a change that fits none of the kinds named by the rules"
    return f"change consistent with {words.CONSISTENT_WITH[detection.kind]}"


def _nothing(evidence: Evidence) -> Iterable[str]:
    share = observable_share(evidence)
    if share == 0:
        yield "No part of the site was seen often enough, before and after, to say whether anything changed."
        return
    yield (
        f"{words.share(share)} of the site was seen often enough, before and after, for a change to be found there, "
        "and none was that stands out from chance." + (" On the rest nothing can be said." if share < 1 else "")
    )
    yield from _lone(evidence)
    yield _smallest(evidence)


def _lone(evidence: Evidence) -> Iterable[str]:
    """Flagged pixels that make no place are not hidden: the map shows them, so the words must."""
    step = geobox_of(evidence.change).resolution
    size = float(lone_pixels(evidence).sum()) * abs(float(step.x) * float(step.y))
    if size:
        more = "a further " if evidence.detections else ""
        yield (
            f"Pixel by pixel, {more}{words.area(size)} passed the threshold, but in groups too small or too weak to "
            "stand out from chance; the map shows them."
        )


def _smallest(evidence: Evidence) -> str:
    sizes = [v.smallest_diameter for v in evidence.verdicts if v.smallest_diameter is not None and v.power is not None]
    if sizes:
        low, high = min(sizes), max(sizes)
        span = f"{high:.0f} m" if round(low) == round(high) else f"{low:.0f} to {high:.0f} m"
        return (
            f"The smallest object whose loss would have been found here is about {span} across "
            "(the size found in 80 % of trials in which the change was put into real images of the site)."
        )
    return (
        f"The smallest object that would have been found was not measured in this run; "
        f"one pixel is {evidence.site.resolution:g} m × {evidence.site.resolution:g} m, "
        "and an object of a few pixels may change without a trace."
    )


def facts(evidence: Evidence) -> Iterable[Fact]:
    """The figures a reader looks for first."""
    site = evidence.site
    yield Fact("Reference period", f"{words.day(site.before.first)} to {words.day(site.before.last)}")
    yield Fact("Period asked about", f"{words.day(site.after.first)} to {words.day(site.after.last)}")
    for key, stack in evidence.stacks.items():
        orbits = sorted(set(stack.relative_orbit.values.tolist()))
        name = words.stack_name(key, str(stack.attrs["sensor"]), orbits)
        yield Fact(name, words.count(stack.sizes["time"], "date"))
    yield Fact("Changed", words.area(sum(d.area for d in evidence.detections)) if evidence.detections else "none found")
    yield Fact("Seen well enough", f"{words.share(observable_share(evidence))} of the site")
    yield Fact("False alarms allowed", words.share(site.detect.false_alarm_rate) + " of unchanged ground")


def observable_sentence(evidence: Evidence) -> str:
    """How much could be seen, in a sentence."""
    share = observable_share(evidence)
    if share == 1:
        return "Every part of the site was seen often enough, before and after, for a change to be found."
    if share == 0:
        return "Nowhere was the ground seen often enough, before and after, for a change to be found."
    return (
        f"{words.share(share)} of the site was seen often enough, before and after, for a change to be found. "
        f"On the hatched {words.share(1 - share)} nothing can be said: a change there would have gone unseen."
    )


def limits(evidence: Evidence) -> Iterable[str]:
    """What these sensors cannot show."""
    yield _smallest(evidence)
    sensors = {scene.sensor for scene in evidence.scenes}
    if "sentinel-2" in sensors:
        yield (
            "Sentinel-2 sees sunlight reflected from the ground, in pixels of 10 to 20 m. Clouds and their shadows "
            "hide the ground. Images lie on each other to within about 5 m since April 2021 and about 12 m before."
        )
    if "sentinel-1" in sensors:
        yield (
            "Sentinel-1 sees radar echoes through cloud and at night, at about 20 m. Rain, wet soil and speckle change "
            "the echo too, and after a collapse it may rise or fall."
        )
    yield (
        "A change is dated only between two images: the last that still looks as before and the first that does not."
    )
    yield "The images show that the ground changed and what the change is like. They do not show why, or by whose hand."


def answers(claim: ClaimAnswer | None, verdicts: Iterable[Verdict]) -> tuple[Answer, ...]:
    """Each verdict, set for reading: on an object of the claim, or on a zone of the site where nothing is claimed."""
    notes = {} if claim is None else {one.name: one.note for one in claim.objects}
    labels = words.ZONE_OUTCOMES if claim is None else words.OUTCOMES
    return tuple(_answer(verdict, labels[verdict.outcome], notes.get(verdict.subject, "")) for verdict in verdicts)


def quoted(claim: ClaimAnswer) -> Quoted:
    """The claim and the answer to it as a whole, set for reading."""
    published = "" if claim.published is None else f", {words.day(claim.published)}"
    address = "" if claim.url is None else f", {words.public_href(claim.url)}"
    names = words.listed([one.name for one in claim.objects])
    first, last = (words.day(moment) for moment in claim.window)
    when = f"on {first}" if first == last else f"between {first} and {last}"
    return Quoted(
        quotation=words.clean(claim.quotation),
        source=words.clean(f"{claim.publisher}{published}{address}"),
        asked=words.tight(words.clean(f"Asked of the images: {names} {words.CLAIMED[claim.what]} {when}?")),
        answer=replace(_answer(claim.whole, words.OUTCOMES[claim.whole.outcome], ""), figures=()),
        limit=words.tight(_limit(claim.whole)),
        meaning=words.MEANING[claim.whole.outcome],
    )


def _limit(whole: Verdict) -> str:
    size = whole.smallest_diameter
    if size is None:
        return "How small an object could have shown here was not measured."
    return f"Objects below about {size:.0f} m across could not have shown surely."


def _answer(verdict: Verdict, label: str, placed: str) -> Answer:
    return Answer(
        subject=words.clean(verdict.subject),
        outcome=verdict.outcome,
        label=label,
        # the subject stands above the sentence already
        sentence=words.tight(_upper(words.clean(verdict.sentence.removeprefix(f"{verdict.subject}: ")))),
        reasons=tuple(words.REASONS[reason] for reason in verdict.reasons),
        figures=tuple(_figures(verdict)),
        needed=words.tight(words.clean(verdict.needed)),
        placed=words.clean(placed),
    )


def _figures(verdict: Verdict) -> Iterable[Fact]:
    if verdict.date_first is not None and verdict.date_last is not None:
        onset = Onset(verdict.bracket_after, verdict.bracket_before)
        yield Fact("Changed", words.tight(words.bracket(onset)))
        span = f"{words.day(verdict.date_first)} to {words.day(verdict.date_last)}"
        yield Fact("Date, 95 % interval", words.tight(span))
        yield Fact("Images that show it", str(len(verdict.scenes)))
    if verdict.p_intact is not None or not verdict.stacks:
        yield Fact("If nothing had changed", words.probability(verdict.p_intact))
    if verdict.p_claimed is not None and math.isfinite(verdict.p_claimed):
        yield Fact("If it had changed as claimed", words.probability(verdict.p_claimed))
    if verdict.power is not None and math.isfinite(verdict.power):
        yield Fact("Such a change would be found", f"{100 * verdict.power:.0f} % of the time")
    if verdict.smallest_diameter is not None and math.isfinite(verdict.smallest_diameter):
        # without a power nothing was tried: the size is then a rule of thumb, not a measurement of this site
        label = "Smallest object that could show" if verdict.power is not None else "Smallest object, by rule of thumb"
        yield Fact(label, f"{verdict.smallest_diameter:.0f} m across")
    if verdict.controls:
        yield Fact("Compared with", f"{len(verdict.controls)} places")


def _place(detection: Detection) -> Place:
    return Place(
        number=detection.number,
        kind=consistent(detection),
        zone=None if detection.zone is None else words.clean(detection.zone),
        where=words.place(detection.centroid),
        area=words.area(detection.area),
        when=words.tight(words.bracket(detection.onset)),
        p=words.tight(words.probability(detection.p_value)),
        sentence=words.tight(_sentence(detection)),
        directions=tuple(
            Fact(words.key_name(key), words.tight(words.direction(key, bands)))
            for key, bands in detection.directions.items()
        ),
        scenes=tuple(words.clean(scene) for scene in detection.scenes),
    )


def _sentence(detection: Detection) -> str:
    what, often = consistent(detection), words.chance(detection.p_value)
    where, when = words.place(detection.centroid), words.bracket(detection.onset)
    return f"{_upper(what)}, {words.area(detection.area)} at {where}, {when}. {_upper(often)}."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
