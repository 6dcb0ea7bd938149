"""A text as sentences and tokens, and the folding by which spellings are compared."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


def words(text: str) -> frozenset[str]:
    """The words of a list written as text."""
    return frozenset(text.split())


ARTICLES = words("al el ad an ar as ash at az ez es ed er en ul uz the")
"""Arabic articles as written before the sun letters, dropped when names are compared."""

_TOKEN = re.compile(r"[^\W\d_]+(?:[.][^\W\d_]+)*(?:['’ʿʾ`][^\W\d_]+)*|\d+")
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_DROPPED = str.maketrans("", "", ".'’ʿʾ`‘")
_BREAK = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9\u00C0-\u00DE])")
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=#)|(?<=\n)#+ |\n(?=[ \t]*(?:[-*•–]|\d{1,2}[.)])[ \t])")
"""Blank lines, headings, and the points of a list."""
_POINT = re.compile(r"[-*•–][ \t]+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|[A-Z](?:\.[A-Z])+|Mr|Mrs|Ms|Dr|Lt|Col|Gen|Maj|Capt|Sgt|Gov|Sen|Rep|St|Mt|No|vs|approx|ca|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|a\.m|p\.m)\.$"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or number of a sentence."""

    text: str
    start: int
    """Offset in the sentence."""
    end: int
    folded: str

    @property
    def capital(self) -> bool:
        """Whether it begins as a name does."""
        return self.text[:1].isupper()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a text, on one line."""

    number: int
    text: str
    tokens: tuple[Token, ...]

    def gap(self, index: int) -> str:
        """What stands between token ``index`` and the next."""
        if index + 1 >= len(self.tokens):
            return self.text[self.tokens[index].end :]
        return self.text[self.tokens[index].end : self.tokens[index + 1].start]


def fold(word: str) -> str:
    """A word without case, marks and apostrophes: ``Ţarābulus`` → ``tarabulus``, ``Conoco's`` → ``conoco``."""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    word = word.lower()
    if word.isalpha():
        return word
    return _POSSESSIVE.sub("", word).translate(_DROPPED)


def key(name: str) -> tuple[str, ...]:
    """A name as folded words without articles: ``Deir ez-Zor`` → ``("deir", "zor")``."""
    found = _WORD.findall(fold(name))
    return tuple(word for word in found if word not in ARTICLES) or tuple(found)


def skeleton(name: str) -> str:
    """The consonants of a name, by which transliterations from Arabic meet.

    ``Dayr az-Zawr``, ``Deir Ezzor`` and ``Deir al-Zour`` are all ``dr zr``.
    """
    sounds = []
    for word in key(name):
        bare = re.sub(r"^[aeu]([zsdtrnl])\1", r"\1", word)
        bare = re.sub(r"([dgkst])h", r"\1", bare).replace("q", "k")
        sounds.append(re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouwy]", "", bare)))
    return " ".join(sounds)


def clean(text: str) -> str:
    """Text on one line, without control and format characters."""
    kept = (c if not unicodedata.category(c).startswith("C") or c in "\n\t\r" else "" for c in text)
    return " ".join("".join(kept).split())


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of an English text; headings and paragraphs end one too."""
    made: list[Sentence] = []
    for paragraph in _PARAGRAPH.split(_with_headline_apart(text)):
        pending = ""
        bare = paragraph.lstrip("# \t\n")
        point = _POINT.match(bare)
        for piece in _BREAK.split(clean(bare[point.end() :] if point else bare)):
            pending = f"{pending} {piece}".strip()
            if pending and not _ABBREVIATION.search(pending):
                made.append(_sentence(len(made), pending))
                pending = ""
        if pending:
            made.append(_sentence(len(made), pending))
    return tuple(made)


def _with_headline_apart(text: str) -> str:
    """With a blank line behind a first line that has no stop and is broken where the next word would have fitted."""
    lines = text.strip().splitlines()
    if len(lines) < 2 or not lines[1].strip():
        return text
    widest = max(map(len, lines))
    first, word = lines[0].rstrip(), lines[1].split()[0]
    if first.endswith((".", "!", "?", ",", ";", ":")) or len(first) + 1 + len(word) > widest or word[:1].islower():
        return text
    return "\n".join((first, "", *lines[1:]))


def _sentence(number: int, text: str) -> Sentence:
    tokens = tuple(Token(m.group(), m.start(), m.end(), fold(m.group())) for m in _TOKEN.finditer(text))
    return Sentence(number, text, tokens)
