"""From what was measured to what is said: supported, contradicted or inconclusive, for each object and for the claim.

The rules are those of the method: supported where the change is rarer than 1 in 100 unchanged places (1 in 5000
where the claimed change would mostly be missed) and its date meets the claim's; contradicted where nothing changed
although the claimed change would have been found, or where it changed at another time; else inconclusive, with the
reasons and with what image would settle it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from changedet.claim import Claim, ClaimedObject, What
from changedet.objects.finding import POWER, Finding, Reason
from changedet.objects.shapes import geometric_limit
from changedet.site import Period, Ring, ZoneKind
from changedet.verdict import Outcome, Verdict

UNCHANGED_P = 0.10
"""Above it an object looks as unchanged places do."""
CLAIMED_P = 0.02
"""Up to it the claimed change would hardly ever look so small."""
WEAK_P = 0.02
"""Below it the change is too weak to be the one claimed: a crop that was cut, say, where a building is said to go."""
RARER = 5.0
"""By how much rarer it must be, where the object looks somewhat changed (p_intact of 0.01 to ``UNCHANGED_P``), that the
claimed change looks so small than that an unchanged place looks so changed; and by how much rarer the latter must be
where a change supports the claim."""
LIKELIER = 1.5
"""By how much likelier the date interval must be by an event on the days claimed than by one on other days of a year
to support the claim: one of a cloudy season that only touches the window does not say that it happened then."""
YEAR = timedelta(days=365)
SURE_P = 0.001
"""Up to it a change is so clear that its date can contradict a claim, or one radar orbit of several support it: a faint
one may be chance, or dated by another thing."""
NEAR = timedelta(days=10)
"""What happened so near to the days claimed does not contradict them: an image that shows a change badly, or a report
that is a few days off, is likelier than another event."""
LEAST_IMAGES = 2
LEAST_BASELINE = 5
CONSISTENT: dict[What, str] = {
    "destroyed": "change consistent with the loss of the object",
    "damaged": "change consistent with damage to the object",
    "built": "change consistent with the object being built",
    "intact": "no sign of change",
}


Said = tuple[Outcome, str, tuple[Reason, ...]]
"""Outcome, sentence and reasons."""


@dataclass(frozen=True, slots=True)
class QuotedObject:
    """An object as the claim file describes it."""

    name: str
    kind: ZoneKind
    ring: Ring
    """Longitude, latitude, closed."""
    diameter: float
    """Metres across."""
    note: str
    """How its footprint was placed."""


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """The claim as it was put, and the answer to it as a whole."""

    quotation: str
    publisher: str
    url: str | None
    published: date | None
    what: What
    window: tuple[date, date]
    """First and last day on which it is said to have happened."""
    objects: tuple[QuotedObject, ...]
    whole: Verdict
    """Of the claim as a whole; those of the objects are the verdicts of the evidence."""


def answer(
    claim: Claim, findings: Sequence[Finding], smallest: float | None
) -> tuple[ClaimAnswer, tuple[Verdict, ...]]:
    """The answer to the claim, and the verdict of each object.

    Parameters
    ----------
    findings : of each object of the claim, in order
    smallest : metres, the smallest object that this site could have shown; None where it was not measured
    """
    verdicts = tuple(object_verdict(finding, claim.what, claim.window, smallest) for finding in findings)
    source = claim.source
    objects = tuple(_quoted(one) for one in claim.objects)
    window = (claim.window.first, claim.window.last)
    whole = whole_verdict(verdicts, smallest)
    told = ClaimAnswer(claim.quotation, source.publisher, source.url, source.date, claim.what, window, objects, whole)
    return told, verdicts


def _quoted(one: ClaimedObject) -> QuotedObject:
    return QuotedObject(one.name, one.kind, one.ring(), one.diameter, one.note)


def unseen(claim: Claim, reasons: tuple[Reason, ...]) -> tuple[Finding, ...]:
    """Findings where no image was read or none was clear: those too small by geometry are said to be."""
    limits = [geometric_limit(one.kind) for one in claim.objects]
    return tuple(
        Finding(one.name, one.diameter, one.diameter < limit, limit, unread=reasons)
        for one, limit in zip(claim.objects, limits, strict=True)
    )


def object_verdict(finding: Finding, what: What, window: Period, smallest: float | None) -> Verdict:
    """The verdict of one object."""
    if finding.too_small:
        text = (
            f"it is {finding.diameter:.0f} m across; objects of its kind below about {finding.limit:.0f} m cannot show "
            "in pixels of 10 m, whatever happened to them"
        )
        return Verdict(
            finding.name,
            "inconclusive",
            f"{finding.name}: {text}.",
            ("below-detection-limit",),
            smallest_diameter=finding.limit if smallest is None else max(finding.limit, smallest),
            needed=_needed(("below-detection-limit",), finding, window),
        )
    if finding.changed and finding.date_first is not None:
        outcome, text, reasons = _changed(finding, what, window)
    elif finding.faint:
        text = "it may have changed, but too faintly to be told from chance by images that mostly miss such a change"
        outcome, reasons = "inconclusive", (*_of_the_images(finding), "below-detection-limit")
    else:
        outcome, text, reasons = _unchanged(finding, what, window)
    return Verdict(
        finding.name,
        outcome,
        f"{finding.name}: {text}.",
        reasons,
        p_intact=finding.p_intact,
        p_claimed=finding.p_claimed,
        power=finding.power,
        smallest_diameter=smallest,
        date_first=finding.date_first,
        date_last=finding.date_last,
        bracket_after=finding.bracket_after,
        bracket_before=finding.bracket_before,
        scenes=finding.scenes,
        stacks=finding.stacks,
        controls=finding.places,
        needed=_needed(reasons, finding, window) if outcome == "inconclusive" else "",
    )


def _changed(finding: Finding, what: What, window: Period) -> Said:
    """Something changed: is it what is claimed, and when it is claimed?"""
    assert finding.bracket_after is not None
    assert finding.bracket_before is not None
    when = f"after {_day(finding.bracket_after)} and by {_day(finding.bracket_before)}"
    doubts = _of_the_images(finding)
    if doubts:
        return "inconclusive", f"something differs {when}, but the images themselves may be the cause", doubts
    meets = _meets(finding, window) and _twice(finding)
    if what == "intact":
        return _changed_though_intact(when, meets and finding.lasting and not _weak(finding))
    return _changed_somehow(finding, (what, window), when, meets)


def _changed_somehow(finding: Finding, claimed: tuple[What, Period], when: str, meets: bool) -> Said:
    """A change that is claimed.

    Parameters
    ----------
    when, meets : when it changed, and whether that meets the days claimed
    """
    what, window = claimed
    weak = _weak(finding)
    if weak and _outside(finding, window, NEAR) and _would_show(finding):
        return "contradicted", f"something changed, but {when}, which is not when it is claimed", ()
    if weak or not (finding.lasting and finding.as_claimed):
        how = "and did not last" if not finding.lasting else "but not in the way of the claim"
        how = "but by far less than the claim would have it" if weak and finding.lasting else how
        return "inconclusive", f"something changed {when}, {how}", ("changed-otherwise",)
    if meets and (doubt := _doubtful(finding)):
        return "inconclusive", f"something changed {when}, but {doubt}", ("changed-otherwise",)
    if meets:
        return "supported", f"{CONSISTENT[what]}, {when}", ()
    return _at_another_time(finding, (what, window), when)


def _doubtful(finding: Finding) -> str:
    """What in the images speaks against a change as claimed; empty where nothing does."""
    if finding.silent:
        return f"{' and '.join(finding.silent)} shows nothing, which would hardly ever miss such a change"
    if finding.lone_orbit and not _sure(finding):
        return "faintly, and in one of the radar orbits alone"
    if _by_chance(finding):
        return "so little that it may be chance as well as what is claimed"
    return ""


def _by_chance(finding: Finding) -> bool:
    """Whether a change so small is about as rare among those claimed as one so large is among unchanged places."""
    if finding.p_intact is None or finding.p_claimed is None:
        return False
    return finding.p_intact * RARER > finding.p_claimed


def _sure(finding: Finding) -> bool:
    return finding.p_intact is not None and finding.p_intact <= SURE_P


def _at_another_time(finding: Finding, claimed: tuple[What, Period], when: str) -> Said:
    """What is claimed did happen, but perhaps not then."""
    what, window = claimed
    if not _outside(finding, window, timedelta(0)):
        return "inconclusive", f"something changed {when}; too few clear images say when", ("clouded",)
    if not _outside(finding, window, NEAR):
        return "inconclusive", f"something changed {when}, near the days claimed but not then", ("changed-otherwise",)
    if finding.clear_in_time < LEAST_IMAGES:
        few = "too few clear images from the days claimed on say whether anything did then"
        return "inconclusive", f"something changed {when}; {few}", ("no-image-after",)
    if not _sure(finding):
        faint = "which is not when it is claimed, but it is too faint to be dated surely"
        return "inconclusive", f"something changed {when}, {faint}", ("changed-otherwise",)
    return "contradicted", f"{CONSISTENT[what]}, but {when}, which is not when it is claimed", ()


def _changed_though_intact(when: str, sure: bool) -> Said:
    if sure:
        return "contradicted", f"it changed {when}", ()
    return "inconclusive", f"something changed {when}", ("changed-otherwise",)


def _of_the_images(finding: Finding) -> tuple[Reason, ...]:
    """Doubts about the images rather than the object."""
    doubts: list[Reason] = []
    if finding.misregistered:
        doubts.append("misregistered")
    if finding.offset_suspect:
        doubts.append("offset-suspect")
    return tuple(doubts)


def _unchanged(finding: Finding, what: What, window: Period) -> Said:
    """Nothing stands out: would the claimed change have been found?"""
    doubts = _doubts(finding, what)
    if not doubts:
        often = f"{100 * (finding.power or 0):.0f} %"
        text = f"no change was found; one as large as claimed would have been found {often} of the time"
        if what == "intact":
            return "supported", text.replace("one as large as claimed", "its loss"), ()
        return "contradicted", text, ()
    words: dict[Reason, str] = {
        "no-image-after": "there are too few clear images from after the days claimed",
        "clouded": "clouds left too few images of it",
        "no-baseline": "there are too few clear images from before to know what is normal",
        "below-detection-limit": (
            "a change as claimed would not have been found surely enough, so that its absence says little"
        ),
        "busy-site": "it does not stand out from what chance does here",
        "misregistered": "the images do not lie on each other well enough",
        "offset-suspect": "a change of processing hides what else changed",
    }
    return "inconclusive", "; ".join(words.get(reason, reason) for reason in doubts), doubts


def _doubts(finding: Finding, what: What) -> tuple[Reason, ...]:
    """Why the absence of a change says nothing; empty where it says something."""
    if finding.unread:
        return finding.unread
    before = max((stack.n_before for stack in finding.stacks), default=0)
    if finding.p_intact is None or finding.power is None or finding.p_claimed is None:
        if before < LEAST_BASELINE:
            return ("no-baseline",)
        return ("clouded",) if finding.images_after >= LEAST_IMAGES else ("no-image-after",)
    doubts: list[Reason] = []
    if finding.clear_after < LEAST_IMAGES:
        doubts.append("no-image-after")
    if finding.power < POWER:
        few = finding.clear_in_time < finding.images_after / 2
        doubts.append("busy-site" if finding.restless else "clouded" if few else "below-detection-limit")
    elif finding.p_claimed > _most_claimed(finding.p_intact, what):
        doubts.append("busy-site")
    return (*doubts, *_of_the_images(finding))


def _most_claimed(p_intact: float, what: What) -> float:
    """The largest p_claimed at which the claimed change did not happen; for a claim of intactness, nothing may show."""
    if p_intact > UNCHANGED_P:
        return CLAIMED_P
    return 0.0 if what == "intact" else p_intact / RARER


def _would_show(finding: Finding) -> bool:
    """Whether the change would have been found, had it happened as claimed: there are images enough after it."""
    return (finding.power or 0.0) >= POWER and finding.clear_after >= LEAST_IMAGES


def _meets(finding: Finding, window: Period) -> bool:
    """Whether the date interval is likelier by an event on the days claimed than on others, any day of each alike.

    An event on the days claimed falls into the interval in the share of them that it holds, one on other days of a year
    in the share of these that the rest of the interval is.
    """
    assert finding.date_first is not None
    assert finding.date_last is not None
    shared = min(finding.date_last, window.end) - max(finding.date_first, window.start)
    if shared <= timedelta(0):
        return False
    outside = finding.date_last - finding.date_first - shared
    return shared / (window.end - window.start) >= LIKELIER * (outside / YEAR)


def _weak(finding: Finding) -> bool:
    """Whether the change is far weaker than the claimed one, or a loss, would be."""
    return finding.p_claimed is not None and finding.p_claimed < WEAK_P


def _outside(finding: Finding, window: Period, by: timedelta) -> bool:
    """Whether all dates that the images allow miss the days claimed, by some days.

    With some days to spare, they must miss them as well were the image at the end of the bracket misread.
    """
    after, before = finding.bracket_after, finding.bracket_before
    assert after is not None
    assert before is not None
    later, earlier = after >= window.end + by, before <= window.start - by
    if by > timedelta(0):
        assert finding.loose_after is not None
        assert finding.loose_before is not None
        later, earlier = later and finding.loose_after >= window.end, earlier and finding.loose_before <= window.start
    return later or earlier


def _twice(finding: Finding) -> bool:
    return len(finding.scenes) >= LEAST_IMAGES or finding.sensors >= LEAST_IMAGES


def _needed(reasons: tuple[Reason, ...], finding: Finding, window: Period) -> str:
    """What image would settle it."""
    last = _day(window.last)
    sharp = max(0.3, min(3.0, finding.diameter / 8))
    fine = f"Images with pixels of about {sharp:.1g} m, one from before {_day(window.first)}, one from after {last}."
    if "below-detection-limit" in reasons or "busy-site" in reasons or "changed-otherwise" in reasons:
        return fine
    if "no-image-after" in reasons:
        return f"Clear images from after {last}: run this again in some weeks."
    if "no-baseline" in reasons:
        return "More clear images from before: begin `before` a year or more earlier."
    if "clouded" in reasons:
        return f"A clear image from after {last}, or radar (sentinel-1), which sees through clouds."
    return fine


def whole_verdict(verdicts: Sequence[Verdict], smallest: float | None) -> Verdict:
    """The verdict of the claim as a whole.

    Supported only where every object is; contradicted only where all objects that could be judged are contradicted.
    """
    names = {
        outcome: [v.subject for v in verdicts if v.outcome == outcome]
        for outcome in ("supported", "contradicted", "inconclusive")
    }
    many = len(verdicts)
    if len(names["supported"]) == many:
        text = "supported for every object" if many > 1 else "supported"
        return Verdict("the claim", "supported", f"The claim is {text}.", smallest_diameter=smallest)
    if names["contradicted"] and not names["supported"]:
        rest = f"; nothing can be said of {_listed(names['inconclusive'])}" if names["inconclusive"] else ""
        text = f"The claim is contradicted for {_listed(names['contradicted'])}{rest}."
        return Verdict("the claim", "contradicted", text, smallest_diameter=smallest)
    parts = [f"{outcome} for {_listed(found)}" for outcome, found in names.items() if found]
    reasons = tuple(dict.fromkeys(reason for v in verdicts for reason in v.reasons))
    needed = next((v.needed for v in verdicts if v.needed), "")
    text = "; ".join(parts)
    return Verdict(
        "the claim",
        "inconclusive",
        f"{text[:1].upper()}{text[1:]}.",
        reasons,
        smallest_diameter=smallest,
        needed=needed,
    )


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:4], f"{len(names) - 4} more"] if len(names) > 5 else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _day(moment: datetime | date) -> str:
    return f"{moment.day} {moment:%b} {moment.year}"
