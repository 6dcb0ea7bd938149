"""Figures in words: dates, areas, places, probabilities and kinds of change, each said in one way on every page.

Dates are written ``24 Mar 2025, 08:12 UTC``: the month by name, so that no reader takes a day for a month.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from changedet.claim import What
from changedet.objects.finding import Reason
from changedet.regions import Kind, Onset
from changedet.verdict import Outcome

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")

CONSISTENT_WITH: Mapping[Kind, str] = {
    "structure removed": "a structure removed",
    "structure built": "a structure built",
    "burnt or sooted": "burnt or sooted ground",
    "ground worked": "earthworks",
    "vegetation": "a change of vegetation",
    "flooded": "standing water",
    "flare lit": "a gas flare lit",
    "flare out": "a gas flare put out",
    "unknown": "none of the kinds that the rules name",
}
OUTCOMES: Mapping[Outcome, str] = {
    "supported": "Supported",
    "contradicted": "Contradicted",
    "inconclusive": "Inconclusive",
}
ZONE_OUTCOMES: Mapping[Outcome, str] = {
    "supported": "Change found",
    "contradicted": "No change",
    "inconclusive": "Inconclusive",
}
"""Of zones: where nothing is claimed, nothing is supported."""
REASONS: Mapping[Reason, str] = {
    "clouded": "clouds hid the place on too many dates",
    "below-detection-limit": "the object is smaller than this site could have shown",
    "no-image-after": "there is no usable image after the claimed event",
    "no-baseline": "there are too few images before to know what is normal here",
    "misregistered": "the images do not lie on each other well enough",
    "offset-suspect": "a change of processing could have caused the difference",
    "busy-site": "this place changes so often that one change says little",
    "changed-otherwise": "something changed, but not as claimed",
}
CLAIMED: Mapping[What, str] = {
    "destroyed": "destroyed",
    "damaged": "damaged",
    "built": "built",
    "intact": "intact",
}
MEANING: Mapping[Outcome, str] = {
    "supported": (
        "“Supported” means: the images show change consistent with the claim, at this place and in these days, such as "
        "at most 1 in 100 unchanged places show by chance. They do not show what caused it, or by whose hand."
    ),
    "contradicted": (
        "“Contradicted” means: at the places drawn here, the images do not show in these days the change that they "
        "would very likely have shown. It says nothing of other places, or of damage too small to see."
    ),
    "inconclusive": (
        "“Inconclusive” means: these images do not show all that is claimed, and do not rule it out. "
        "That is no evidence against the claim."
    ),
}
BAND_NAMES: Mapping[str, str] = {
    "blue": "blue",
    "green": "green",
    "red": "red",
    "nir": "near infrared",
    "swir16": "shortwave infrared 1.6 µm",
    "swir22": "shortwave infrared 2.2 µm",
    "vv": "VV",
    "vh": "VH",
}
_TIGHT = re.compile(rf"\d+ (?:{'|'.join(MONTHS)}) \d{{4}}|p [=<] [\d.]+|[\d.]+ (?:dB|%|m²|m|ha|km²)(?!\w)")
RADAR_EFFECT = ("stronger echo", "weaker echo", "echo hardly changed", 0.5)
OPTICAL_EFFECT = ("brighter", "darker", "hardly changed", 0.01)
"""The last, in dB or reflectance, is what images of unchanged ground differ by: a smaller effect has no direction."""
SENSORS: Mapping[str, str] = {"sentinel-2": "Sentinel-2", "sentinel-1": "Sentinel-1"}


def kind_words(kind: str) -> str:
    """``consistent with a structure removed``, or that it is of no known kind."""
    told: dict[str, str] = {name: text for name, text in CONSISTENT_WITH.items() if name != "unknown"}
    return f"consistent with {told[kind]}" if kind in told else "of no known kind"


def day(moment: datetime | date) -> str:
    """``24 Mar 2025``."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def instant(moment: datetime) -> str:
    """``24 Mar 2025, 08:12 UTC``; the day alone at midnight sharp, which means that nobody gave a time."""
    if moment.time() == time(0):
        return f"{day(moment)} UTC"
    return f"{day(moment)}, {moment.hour:02d}:{moment.minute:02d} UTC"


def utc(moment: np.datetime64) -> datetime:
    """A naive ``datetime`` in UTC of a numpy time."""
    value = moment.astype("datetime64[us]").item()
    assert isinstance(value, datetime)
    return value


def bracket(onset: Onset) -> str:
    """When it changed, as a sentence's end: ``after 14 Feb 2025 and by 11 Mar 2025``."""
    if onset.after is not None and onset.before is not None:
        return f"after {day(onset.after)} and by {day(onset.before)}"
    if onset.before is not None:
        return f"by {day(onset.before)}"
    if onset.after is not None:
        return f"after {day(onset.after)}"
    return "at a date that these images do not fix"


def probability(p: float | None) -> str:
    """``p = 0.004``, ``p < 0.001`` or ``not measured``."""
    if p is None or not math.isfinite(p):
        return "not measured"
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"


def chance(p: float | None) -> str:
    """What a p-value means, in plain words, with the value itself."""
    if p is None or not math.isfinite(p):
        return "how often chance alone would show this was not measured"
    if p < 0.001:
        often = "fewer than 1 in 1,000 unchanged places"
    elif p > 0.5:
        often = "most unchanged places"
    else:
        often = f"about 1 in {_rounded(1 / p):,} unchanged places"
    return f"chance alone would show this at {often} ({probability(p)})"


def _rounded(value: float) -> int:
    """Two significant digits."""
    digits = max(0, math.floor(math.log10(value)) - 1)
    return int(round(value, -digits))


def area(square_metres: float) -> str:
    """``2,400 m²``, ``1.9 ha`` or ``3.1 km²``."""
    if square_metres < 10_000:
        return f"{square_metres:,.0f} m²"
    if square_metres < 1_000_000:
        return f"{square_metres / 10_000:.1f} ha"
    return f"{square_metres / 1_000_000:.1f} km²"


def place(lonlat: tuple[float, float]) -> str:
    """``35.33611° N, 40.30944° E``: latitude first, as maps print it."""
    lon, lat = lonlat
    return f"{abs(lat):.5f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.5f}° {'E' if lon >= 0 else 'W'}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 place``, ``12 places``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def spelled(number: int, noun: str = "") -> str:
    """As :func:`count`, with small numbers in letters, to begin a sentence."""
    word = NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
    return f"{word} {noun}{'' if number == 1 else 's'}" if noun else word


def share(part: float) -> str:
    """A share 0–1 in per cent, never rounded up to all or down to nothing."""
    if math.isnan(part):
        return "an unknown share"
    if 0 < part < 0.001:
        return "less than 0.1 %"
    if 0.999 < part < 1:
        return "more than 99.9 %"
    return f"{round(100 * part, 1):g} %"


def tight(text: str) -> str:
    """The text with no line break inside a date, a p-value or a figure and its unit."""
    return _TIGHT.sub(lambda match: match[0].replace(" ", "\u00a0"), text)


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def stack_name(key: str, sensor: str, orbits: Sequence[int] = ()) -> str:
    """``Sentinel-1, relative orbit 137``; the key itself where the sensor is not known."""
    name = SENSORS.get(sensor, key)
    known = [orbit for orbit in orbits if orbit >= 0]
    return f"{name}, relative orbit {known[0]}" if sensor == "sentinel-1" and len(known) == 1 else name


def platform_name(platform: str) -> str:
    """``Sentinel-2A`` from ``sentinel-2a``."""
    return platform[:1].upper() + platform[1:-1] + platform[-1:].upper() if "-" in platform else platform


def clean(text: str) -> str:
    """The text with control characters shown as a replacement mark: they have no glyph and XML forbids them."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in text)


def direction(key: str, bands: Mapping[str, float]) -> str:
    """The signed effect of one stack: ``darker (red −0.232, …)`` or ``weaker echo (VV −10.7 dB)``."""
    radar = any(name in ("vv", "vh") for name in bands) or key.startswith("sentinel-1")
    finite = {name: value for name, value in bands.items() if math.isfinite(value)}
    if not finite:
        return "not measured"
    mean = sum(finite.values()) / len(finite)
    more, less, same, least = RADAR_EFFECT if radar else OPTICAL_EFFECT
    unit = " dB" if radar else ""
    strongest = sorted(finite.items(), key=lambda item: -abs(item[1]))[:2]
    figures = ", ".join(
        f"{BAND_NAMES.get(name, name)} {signed(value, 1 if radar else 3)}{unit}" for name, value in strongest
    )
    word = same if abs(strongest[0][1]) < least else more if mean >= 0 else less
    return f"{word} ({figures})"


def signed(value: float, digits: int) -> str:
    """A number with its sign, a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def public_href(href: str) -> str:
    """An address without user, password, query or fragment: those may carry a token."""
    parts = urlsplit(href)
    if not parts.scheme or not parts.netloc:
        return href.split("?", 1)[0].split("#", 1)[0]
    host = parts.netloc.rsplit("@", 1)[-1]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def public_path(href: str) -> str:
    """As :func:`public_href`; of a path on this machine only the last two parts, which do not name its owner."""
    clean = public_href(href)
    if "://" in clean and not clean.startswith("file:"):
        return clean
    parts = [part for part in clean.replace("\\", "/").split("/") if part not in ("", "file:")]
    return "/".join(parts[-2:])


def key_name(key: str) -> str:
    """``Sentinel-1, relative orbit 137`` from the stack key ``sentinel-1-orbit-137``."""
    sensor, _, orbit = key.partition("-orbit-")
    return f"{SENSORS.get(sensor, clean(sensor))}, relative orbit {orbit}" if orbit else SENSORS.get(key, clean(key))
