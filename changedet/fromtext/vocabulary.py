"""The words by which a text speaks of places, facilities, objects and what happened to them."""

from __future__ import annotations

import re
from typing import Literal

from changedet.fromtext.words import words
from changedet.site import ZoneKind

What = Literal["destroyed", "damaged", "built", "intact"]


LOCATIVE = words(
    "in at near to from around outside inside of across through over between into towards toward within north south "
    "east west northeast northwest southeast southwest beyond by above below behind under along off"
)
DIRECTIONS = words(
    "north south east west northern southern eastern western central north-eastern northeastern northwestern "
    "southeastern southwestern northeast northwest southeast southwest upper lower coastal government held the"
)
PLACE_WORDS = words(
    "province governorate region district city town village port harbour airport countryside suburb suburbs area "
    "oblast county state refinery depot"
)
ACTORS = words(
    "force forces troop troops army military air jets drones drone missiles missile officials official soldiers "
    "soldier strike strikes warplanes led backed coalition president ministry spokesman spokeswoman government "
    "engineers navy special media reporters company oil firm firms general colonel"
)
TITLES = words(
    "mr mrs ms dr sheikh colonel general lieutenant captain major commander minister president governor spokesman "
    "spokeswoman professor analyst engineer journalist resident farmer named judge lawyer sergeant sgt mechanic "
    "teacher reporter brother sister martyr"
)
STREETS = words("street road avenue square boulevard highway roundabout lane")
"""A town's name before one of these is a street's."""
STARTERS = LOCATIVE | words("the a an this these those if when while as but and no many several most some all")
"""Words with which a sentence begins, in a capital, before a facility without a name."""
SPEECH = words("said says told added explained wrote asked replied recalled remembered died spoke argued")

DEMONYMS = {
    "syrian": "SY", "iraqi": "IQ", "iranian": "IR", "libyan": "LY", "lebanese": "LB", "yemeni": "YE", "israeli": "IL",
    "saudi": "SA", "kuwaiti": "KW", "qatari": "QA", "emirati": "AE", "egyptian": "EG", "sudanese": "SD",
    "algerian": "DZ", "tunisian": "TN", "turkish": "TR", "russian": "RU", "ukrainian": "UA", "kazakh": "KZ",
    "azerbaijani": "AZ", "indian": "IN", "chinese": "CN", "japanese": "JP", "venezuelan": "VE", "nigerian": "NG",
    "french": "FR", "british": "GB", "american": "US", "texan": "US", "dutch": "NL", "ethiopian": "ET",
}  # fmt: skip

MODIFIERS = words(
    "oil gas natural crude petroleum nuclear power hydroelectric fuel processing export storage main big old"
)
BETWEEN_NAME_AND_KIND = MODIFIERS | words("thermal solar wind gas-fired coal-fired fired coal steam cycle combined air")
"""Words in small letters between a facility's name and what it is: "the Baiji thermal power plant"."""
FACILITY_KINDS = {
    "field": "oil field", "fields": "oil field", "oilfield": "oil field", "oilfields": "oil field",
    "gasfield": "oil field", "gasfields": "oil field", "plant": "plant", "plants": "plant", "refinery": "refinery",
    "refineries": "refinery", "terminal": "terminal", "terminals": "terminal", "depot": "terminal",
    "depots": "terminal", "dam": "dam", "dams": "dam", "complex": "", "facility": "", "facilities": "",
    "installation": "", "installations": "", "station": "power plant", "base": "", "bases": "", "site": "",
    "sites": "", "hub": "", "npp": "power plant", "tpp": "power plant", "hpp": "power plant",
}  # fmt: skip
"""A word for a facility → the kind it says, "" where it could be any."""
STRONG = re.compile(
    r"\b((?:oil|gas)[ -]?fields?|gas plants?|refiner(?:y|ies)|(?:oil|gas|export) terminals?|"
    r"power (?:plants?|stations?)|[NTH]PPs?|(?:fuel|oil|gas)(?: and (?:fuel|oil|gas))? depots?|tank farms?|dams?|"
    r"air ?(?:bases?|fields?|ports?)|hospitals?|clinics?|health cent(?:er|re)s?|"
    r"pumping stations?|radar (?:stations?|sites?|posts?)|(?:sea)?ports?(?= of\b)|"
    r"(?:naval|military) (?:bases?|complex(?:es)?|camps?|port)|shipyards?|"
    r"(?:ammunition|arms|weapons) (?:depots?|dumps?|stores?|factor(?:y|ies))|"
    r"(?:chemical|steel|cement) (?:plant|work)s?)\b",
    re.IGNORECASE,
)
"""What is surely a facility that could be watched."""


def same_kind(word: str, kind: str) -> bool:
    """Whether a facility word of a text fits a kind of the gazetteer; general words fit all."""
    said = FACILITY_KINDS.get(word, "")
    return not said or said in kind or kind in said


def _any(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_FUEL = r"(?:fuel|oil|petrol|gasoline|diesel|kerosene|crude|petroleum|lng|gas)"
_STORE = r"(?:storage )?(?:depots?|dumps?|farms?|stores?|storage(?! tanks?| reservoirs?)|reserves|warehouses?)"
_TANK = r"(?:storage |holding )?(?:tanks?|reservoirs?|bladders?)"
_HELD = r"(?:naphtha|products?|benzene|bitumen|jet[ -]fuel|floating[- ]roof|propane|butane|condensate)"
_SIGNAL = r"(?:communications?|comms|antenna|satellite|radio|radar|telecoms?|telecommunications?|signals?)"
_DEVICE = r"(?:arrays?|antennas?|antennae|dish(?:es)?|equipment|installations?|stations?|systems?|sites?|domes?|posts?)"
_ROOM = (
    r"(?:installations?|posts?|cent(?:er|re)s?|bunkers?|facilit(?:y|ies)|headquarters|hubs?|rooms?|"
    r"buildings?|complex)"
)
_STRUCTURE = (
    r"water towers?|silos?|chimneys?|smokestacks?|substations?|transformers?|runways?|"
    r"(?:processing|distillation|vacuum|cracking|reforming) units?|jett(?:y|ies)|piers?|quays?|"
    r"cranes?|generators?|(?:flare )?stacks?|"
    r"(?:power|transmission) lines?|berths?|conveyors?|pipelines?(?! (?:routes?|network|corridor))|"
    r"(?:road|rail|railway|motorway|highway|suspension|steel|concrete) bridges?|pylons?|switchyards?|"
    r"solar panels?|compressors?|pumps?|(?:grain )?elevators?|"
    r"(?:water )?intakes?|(?:spillway )?gates?|cooling towers?|spheroids?|spheres?(?! of)|separators?|"
    r"(?:distillation|stabili[sz]ation|fractionation|cracking|absorption) (?:columns?|towers?)|furnaces?|boilers?|"
    r"reactors?(?! buildings?)|manifolds?|well ?heads?|derricks?|pipe ?racks?|"
    r"(?:pumping|degassing|booster|compressor|metering|gathering) stations?"
)
_BUILDING = (
    r"(?:buildings?|"
    r"hangars?|warehouses?|barracks|workshops?|bunkers?|offices?|houses?(?! of (?:cards|lies))|dormitor(?:y|ies)|"
    r"garages?|"
    r"clinics?|hospitals?|(?<!-)wards?|control towers?|schools?|pharmac(?:y|ies)|(?:guard )?huts?|power ?houses?|"
    r"pump ?houses?|factor(?:y|ies)|"
    r"(?:accommodation|apartment|residential|housing|administrative|administration|prefabricated) blocks?|"
    r"(?:turbine|machine|pump|pumping|assembly|generator) halls?|(?:outpatient|maternity|surgical|hospital) wings?)"
    r"(?!['’]s)"
)

OBJECTS: tuple[tuple[ZoneKind, re.Pattern[str]], ...] = (
    ("fuel depot", _any(rf"{_FUEL}(?: and {_FUEL})? {_STORE}|tank farms?")),
    ("fuel tank", _any(rf"(?:{_FUEL}|{_HELD}) {_TANK}|storage tanks?")),
    (
        "command installation",
        _any(rf"command(?:[ -]and[ -]control)? {_ROOM}|(?:operations|ops|control) (?:rooms?|cent(?:er|re)s?)"),
    ),
    ("communications array", _any(rf"{_SIGNAL} {_DEVICE}|antennas?|antennae|arrays?|dish(?:es)?(?= on\b)|radomes?")),
    ("mast", _any(rf"masts?|{_SIGNAL} towers?|(?:relay|transmission|cell) towers?")),
    ("building", _any(rf"(?<!command )(?<!and control )(?<!-and-control )(?:{_BUILDING})")),
    ("other", _any(rf"(?:ammunition|arms|weapons|munitions) {_STORE}|{_STRUCTURE}|(?<=\ba )depot")),
)
"""Kind of a zone → how texts call it. A lone "tanks" is not here: it may mean vehicles."""
TANKS = re.compile(r"\btanks\b(?! farm)", re.IGNORECASE)
PETROLEUM = ("refinery", "terminal")
"""Facilities where tanks are what oil is kept in,"""
ARMOUR = re.compile(
    r"\b(?:armou?r(?:ed)?|turrets?|tracked|T-\d\d|battle|columns?|convoys?|brigades?|crews?|troops?|soldiers|infantry|"
    r"carriers?|howitzers?|parked|vehicles?|water tanks?|septic)\b",
    re.IGNORECASE,
)
"""unless the sentence speaks of war machines, or of other tanks."""

_WENT = (
    r"(?:(?:is|are|was|were|be) (?:all |now |simply |completely )?gone(?! to\b)|"
    r"(?:have |has |had )?(?:vanished|disappeared)|c[ao]me (?:crashing |tumbling )?down)"
)
EVENTS: tuple[tuple[What, re.Pattern[str]], ...] = (
    (
        "destroyed",
        _any(
            r"destroy(?:s|ed|ing)?|destruction|demolish(?:es|ed|ing)?|demolition|bl(?:ew|own|ow|owing) up|"
            r"raz(?:ed|ing)|levelled|leveled|flattened|obliterat(?:ed|ing)|reduced to (?:rubble|ashes|ruins)|"
            r"burn(?:ed|t) (?:down|out|to the ground)|gutted|torn down|bulldozed|dismantled|wrecked|dynamited|in ruins|"
            r"pull(?:ed|ing) down|knock(?:ed|ing)? (?:down|over)|felled|blown apart|"
            r"blown to (?:bits|pieces)|collapsed|rubble|"
            r"taken down|brought down|implod(?:es|ed|ing)|"
            r"gave way(?! to\b)|cut(?:ting)? down(?! on)|toppled|smashed|crumbled|devastated|"
            r"(?:a )?write-?off|written off|"
            r"no longer (?:stand(?:s|ing)?|exists?)|ceased to (?:exist|be(?=[.,;]))|wiped (?:out|off the map)|"
            r"(?:is|are|was|were) (?:an? (?:empty |bare |burn(?:ed|t)-out )?shells?|scrap)|"
            rf"{_WENT}"
        ),
    ),
    (
        "damaged",
        _any(
            r"damag(?:ed|ing|e)|breach(?:es|ed)|"
            r"hit|struck|shelled|bombed|caught fire|set (?:on fire|ablaze|alight)|ablaze|on fire|"
            r"in flames|burn(?:s|ed|t|ing)|exploded|fire engulfed|engulfed (?:in|by)|set fire to|scorched|"
            r"pierced|punctured|rendered (?:unusable|useless)|"
            r"ha(?:s|ve|d) (?:an? )?(?:\w+ )?holes? in|holed|caved[ -]in|cratered|cracked|buckled|"
            r"torn (?:off|open)|put out of action|blaze|"
            r"los(?:t|es?|ing) (?:its|their|part of (?:its|the)) (?:roofs?|windows?|walls?)|blackened|charred|"
            r"(?<!opened )(?<!open )(?<!opens )(?<!under )(?<!of )fires? (?:at|in|on) (?:an?|the|one|two|its|their)|"
            r"set(?:s|ting)? (?:[\w'’-]+ ){1,5}(?:on fire|ablaze|alight)"
        ),
    ),
    (
        "built",
        _any(
            r"(?:re)?built|erected|constructed|put (?:back )?up|inaugurat(?:es|ed)|"
            r"new (?:[\w'’-]+,? ){1,4}completed|completed (?:the )?construction"
        ),
    ),
    (
        "intact",
        _any(
            r"intact|unharmed|undamaged|unscathed|untouched|still (?:stand(?:s|ing)?|stood)|stands? as before|spared|"
            r"survived?|(?:is|are|was|were) standing|"
            r"without a scratch|(?:is|are) where (?:it was|they were)|(?:is|are) (?:completely |all )?safe(?=[,.;])|"
            r"unaffected|not (?:been )?(?:affected|touched)|(?:fully|still) operational|working normally|"
            r"escap(?:ed|es|ing)(?: (?:harm|damage|unharmed|destruction)|(?=[,.;]))|unchanged|"
            r"(?:all|still)(?: [\w'’-]+){0,4} in place|"
            r"no (?:visible |apparent |further )?damage (?:(?:was|were|has been|is) )?"
            r"(?:seen|visible|observed|detected|found|recorded)|"
            r"no (?:visible |apparent )?changes? (?:was |were )?(?:seen|visible|observed|detected|found)"
        ),
    ),
)
"""What is said to have happened → the words that say it."""
WENT = re.compile(
    rf"{_WENT}|(?:is|are|was|were) standing|(?:is|are) (?:completely |all )?safe|(?:is|are) where (?:it was|they were)",
    re.IGNORECASE,
)
"""What is said of a structure that was destroyed, or stands, and as well"""
LEAVES = re.compile(
    r"\b(?:soldiers?|troops?|forces|guards?|fighters?|crews?|teams?|staff|personnel|workers?|employees|engineers?|"
    r"inspectors?|residents?|people|men|women|families|he|she|they|everyone|everybody|nobody|"
    r"vehicles?|trucks?|lorries|convoys?|columns?|tankers?|smoke|flames?|fires?|power|electricity|signals?|hope)\b",
    re.IGNORECASE,
)
"""of whoever and whatever comes and goes."""
UNSPARED = re.compile(
    r"(?:\b(?:neither|nor|none)\b(?:(?! and | but )[^,.;:]){0,60}|"
    r"(?:\b(?:not(?! only\b)|never|no|hardly)\b|n['’]t\b)(?: [\w'’-]+){0,3}) ?$",
    re.IGNORECASE,
)
"""Before a word that says that something is intact, of what is not."""
NEGATION = re.compile(r"\b(?:not|no|never|neither|nor|without|none|nothing)\b|n['’]t\b", re.IGNORECASE)
DENIAL = _any(r"den(?:y|ies|ied)|denials?|refut(?:e|es|ed)|dismiss(?:es|ed)?|false|untrue|fake")
"""What takes back all that its clause goes on to say, however long that is."""
DENIED = re.compile(
    r"^[^;:]{0,60}\b(?:is|are|was|were) "
    r"(?:(?:false|untrue|not true|wrong|baseless|unfounded|fake|a lie|lies|incorrect|another lie|"
    r"dismissed|rejected as|refuted|debunked)\b|"
    r"not (?-i:[A-Z]))",
    re.IGNORECASE,
)
"""What takes it back afterwards."""
ELSEWHERE = re.compile(
    r"\b(?:village|town|hamlet|suburb|district|quarter|hill|ridge|road)s? (?:of|above|near|outside|over|to) "
    r"(?-i:[A-Z])|\b[\w.]+ (?:km|kilomet(?:re|er)s|miles) (?:\w+ )?(?:of|from|away)\b|"
    r"\b(?-i:[A-Z][\w’'-]+ (?:village|hamlet|suburb|quarter))\b",
    re.IGNORECASE,
)
"""What puts the event of a sentence to a place of its own."""
CIVIL = re.compile(
    r"\b(?:schools?|kindergartens?|universit(?:y|ies)|hospitals?|clinics?|pharmac(?:y|ies)|markets?|bakery|bakeries|"
    r"mosques?|church(?:es)?|(?:apartment|residential) (?:houses?|blocks?|buildings?)|homes|"
    r"the (?:city|town|village)(?:['’]s)?)\b",
    re.IGNORECASE,
)
"""What stands in a town and not in a plant: of it a sentence speaks that names no facility itself."""
NAMED = re.compile(r"\b(?:depots?|terminals?|plants?|bases?|camps?|compounds?|stations?|(?:sea)?port)\b", re.IGNORECASE)
"""What is a facility where a name stands before it."""
INTENTION = _any(
    r"will|would|shall|plan(?:s|ned)? to|want(?:s|ed)? to|threaten(?:s|ed)? to|prepar(?:e|es|ed|ing) to|"
    r"vow(?:s|ed)? to|order(?:s|ed)? to|about to|intend(?:s|ed)? to|recommend(?:s|ed)? that|proposed|"
    r"could be|if|(?:is|are|was|were) (?:due )?to be"
)
PRETENCE = _any(r"scenario|purposes? of the (?:drill|exercise)|rehears(?:e|es|ed|al|als|ing)|war ?games?|mock-?ups?")
"""What makes all of its clause an exercise."""
SIMILE = re.compile(
    r"\b(?:compar(?:e|es|ed|ing)|liken(?:s|ed|ing)?)\b.{0,80}? (?:to|with) (?:an?|the)\b|"
    r"\b(?:as if|as though|just like an?)\b",
    re.IGNORECASE,
)
"""What makes the rest of its clause a figure of speech."""
BEYOND_SAVING = re.compile(
    r"^(?:none of (?:them|it|these|those)|nothing of (?:them|it)|neither) (?:can|could|will|would|was|were|is|are) "
    r"(?:be )?(?:saved|salvaged|repaired|left|usable|standing)\b|"
    r"^(?:(?:they|all|all of them|both) (?:are|were)|it (?:is|was)) (?:a )?"
    r"(?:total(?: loss(?:es)?|ly lost)|beyond repair|lost|gone)\b",
    re.IGNORECASE,
)
"""How a sentence gives up what the one before it says was damaged."""
VISIT = re.compile(
    r"\b(?:visit(?:s|ed)?|toured|inspected|went (?:there|back)|was there|photographed|filmed|examined|came to look)\b"
    r"(?: [\w'’-]+){0,4}[ ,]*$",
    re.IGNORECASE,
)
"""Before the day on which somebody looked: what was seen then had happened before."""
BESIDE = re.compile(
    r"\b(?:near|beside|behind|opposite|next to|above|below|outside) (?:the|an?|its|their) $", re.IGNORECASE
)
"""Before an object that only says where another one is."""
CORRECTION = re.compile(
    r"\b(?:CORRECTION|"
    r"Correction|CORRECTED|Corrected:|[Ee]arlier version of (?:this|the)|"
    r"correct(?:s|ed) (?:an|its|our|the) (?:earlier|report)|retract(?:s|ed))\b"
)
"""What takes back something that the text says elsewhere."""
WE_SAID = _any(r"we (?:had |have )?(?:stated|reported|described|wrote|said)|earlier version")
"""In a text that corrects another: what that one said."""
FICTION = re.compile(
    r"\b(special effects|pyrotechnic\w*|film (?:set|crew|studio)|film(?:ing|ed) of|screen time|movie|thriller|extras|"
    r"plywood|replica|make-believe|box office|for the (?:last|final) scene|stage set|theatre play|"
    r"midfield|half-time|derby|goalkeeper|keeper|kick-?off|sports desk|supporters|(?:semi|quarter)-?final)\b",
    re.IGNORECASE,
)
MUCH_FICTION = 3
"""Different such words, from which on a text tells what is played, on a stage or a pitch."""
HEDGES = _any(
    r"say|says|said|is said to|are said to|reportedly|allegedly|apparently|possibly|probably|perhaps|"
    r"spoke of|speaks of|posted|possible|described as|maintain(?:s|ed) that|claim(?:s|ed)?|according to|"
    r"(?:is|are|was|were) believed to|may have|might have|appears? to|unconfirmed|"
    r"(?:he|she|they|it|who|residents|witnesses|officials?|sources?|spokes\w+) add(?:s|ed)|"
    r"swears?|insists?|seems? to|(?:is|are) thought to|I think|as far as I can tell|"
    r"rumou?r(?:s|ed)?|suggest(?:s|ed)?|alleges?|alleged|reports?|reported|told|accus(?:es|ed)"
)
