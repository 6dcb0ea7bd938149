"""Kinds of change: rules over signed effects, each with its physics in one line.

What the bands at hand cannot tell apart, and what moves within the noise, is called ``unknown``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from changedet.effects import Effects

Kind = Literal[
    "structure removed",
    "structure built",
    "burnt or sooted",
    "ground worked",
    "vegetation",
    "flooded",
    "flare lit",
    "flare out",
    "unknown",
]

GREEN = 0.3
"""NDVI from which ground counts as vegetated."""
STRONG_FALL = -3.0
"""dB: open water against the land it covers."""
WATER_LEVEL = -17.0
"""dB: VV of open water in a light wind; land is brighter."""
PALER = 0.25
"""Of the infrared effect: bared or felled ground brightens in the visible by more than this, burnt ground by less."""
STANDS_OUT = 2.0
"""dB above the ring: walls and tanks return by double bounce."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """What the rules ask of the effects; None means "no such measurement"."""

    effects: Effects

    def of(self, name: str) -> int | None:
        effect = self.effects.get(name)
        return None if effect is None else effect.sign

    def up(self, name: str) -> bool:
        return self.of(name) == 1

    def down(self, name: str) -> bool:
        return self.of(name) == -1

    def has(self, *names: str) -> bool:
        return all(name in self.effects for name in names)

    def halved(self, name: str) -> bool:
        effect = self.effects[name]
        return abs(effect.after) <= abs(effect.before) / 2

    def radar(self) -> int | None:
        """+1 or −1 when every polarisation moves that way, 0 when not, None without radar."""
        signs = {self.effects[name].sign for name in ("vv", "vh") if name in self.effects}
        if not signs:
            return None
        return signs.pop() if len(signs) == 1 else 0


def classify(effects: Effects) -> Kind:
    """The kind of change that the effects speak for; ``unknown`` when none or several of the same rank do."""
    signs = _Signs(effects)
    for rank in _RANKS:
        kinds = [kind for kind, rule in rank if rule(signs)]
        if len(kinds) == 1:
            return kinds[0]
        if kinds:
            return "unknown"
    return "unknown"


def _flare(signs: _Signs, *, lit: bool) -> bool:
    """A flame of 1000–2000 K shines at 2.2 µm more than at 1.6 µm and hardly below; ground does the opposite."""
    if not signs.has("swir16", "swir22"):
        return False
    swir16, swir22 = signs.effects["swir16"], signs.effects["swir22"]
    toward = 1 if lit else -1
    hot = swir22.after - swir16.after if lit else swir22.before - swir16.before
    jump = toward * swir22.beyond
    shorter = [abs(signs.effects[name].beyond) for name in ("red", "nir") if name in signs.effects]
    return (
        swir22.sign == toward
        and hot > swir22.noise
        and jump > toward * swir16.beyond
        and all(value < jump / 2 for value in shorter)
    )


def _flare_lit(signs: _Signs) -> bool:
    return _flare(signs, lit=True)


def _flare_out(signs: _Signs) -> bool:
    return _flare(signs, lit=False)


def _flooded(signs: _Signs) -> bool:
    """Open water mirrors the radar away and absorbs the near infrared; green falls least."""
    vv, ndwi, nir = (signs.effects.get(name) for name in ("vv", "ndwi", "nir"))
    wet = ndwi is not None and nir is not None and ndwi.sign == 1 and nir.sign == -1 and ndwi.after > 0
    if vv is None:
        return wet
    smooth = vv.sign == -1 and vv.beyond <= STRONG_FALL
    if ndwi is None:
        return smooth and vv.after <= WATER_LEVEL
    return smooth and ndwi.sign == 1


def _burnt(signs: _Signs) -> bool:
    """Char and soot absorb the near infrared and do not brighten the visible; without leaf water the SWIR rises."""
    if signs.up("nir") or signs.down("contrast"):
        return False  # what becomes like its surroundings was taken away, not burnt
    visible, nir, swir22 = (signs.effects.get(name) for name in ("visible", "nir", "swir22"))
    if nir is None or visible is None:
        return False
    infrared = max(-nir.beyond, swir22.beyond if swir22 is not None else 0.0)
    if visible.sign == 1 and visible.beyond > PALER * infrared:
        return False
    if swir22 is None:
        return signs.down("nir") and signs.down("albedo") and not signs.up("red")
    charred = signs.down("nbr") and (signs.down("nir") or signs.up("swir22"))
    sooted = signs.down("albedo") and signs.down("nir") and not signs.up("swir22") and not signs.up("nbr")
    return charred or sooted


def _removed(signs: _Signs) -> bool:
    """Without walls no double bounce, without roofs and shadows no texture: the place turns into the soil around it."""
    radar = signs.radar()
    optical = signs.down("contrast") or (signs.down("texture") and not signs.up("contrast"))
    if radar is None:
        green = "ndvi" in signs.effects and max(signs.effects["ndvi"].before, signs.effects["ndvi"].after) > GREEN
        return signs.down("contrast") and signs.halved("contrast") and not signs.up("texture") and not green
    if not signs.has("contrast"):
        levels = [e for name in ("vv", "vh") if (e := signs.effects.get(name)) is not None]
        return radar == -1 and any(e.before - e.ring_before > STANDS_OUT for e in levels)
    return radar == -1 and optical


def _built(signs: _Signs) -> bool:
    """New walls and metal return by double bounce, and roofs part from the soil around them."""
    radar = signs.radar()
    optical = signs.up("contrast") or signs.up("texture")
    if radar is None:
        bare = "ndvi" not in signs.effects or signs.effects["ndvi"].after < GREEN
        return (
            signs.up("contrast") and signs.up("texture") and bare and not signs.down("albedo") and not signs.down("nbr")
        )
    if not signs.has("contrast"):
        levels = [e for name in ("vv", "vh") if (e := signs.effects.get(name)) is not None]
        return radar == 1 and any(e.after - e.ring_after > STANDS_OUT for e in levels)
    return radar == 1 and optical


def _vegetation(signs: _Signs) -> bool:
    """Leaves reflect the near infrared and absorb red; what the ring does too is the season's phase and drops out."""
    ndvi = signs.effects.get("ndvi")
    return ndvi is not None and ndvi.sign != 0 and max(ndvi.before, ndvi.after) > GREEN


def _worked(signs: _Signs) -> bool:
    """Fresh, dry soil or gravel is brighter in every band, and no rougher to the radar than the ground it was."""
    if not signs.up("albedo"):
        return False
    radar = [signs.effects[name] for name in ("vv", "vh") if name in signs.effects]
    if radar:
        return all(e.sign == 0 or abs(e.beyond) < STANDS_OUT for e in radar)
    return not signs.up("texture")


_RANKS: tuple[tuple[tuple[Kind, Callable[[_Signs], bool]], ...], ...] = (
    (("flare lit", _flare_lit), ("flare out", _flare_out)),
    (("flooded", _flooded),),
    (("structure removed", _removed), ("structure built", _built)),
    (("burnt or sooted", _burnt),),
    (("vegetation", _vegetation),),
    (("ground worked", _worked),),
)
"""Rules in order of how particular their evidence is: the first rank that answers decides."""
