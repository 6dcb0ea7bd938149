"""The page and ``verdicts.json`` of a claim that no image was needed, or clear enough, for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from changedet.answer import ClaimAnswer
from changedet.report import words
from changedet.report.content import NOT_VALIDATED, Answer, Quoted, answers, quoted
from changedet.report.engine import environment
from changedet.report.page import TEMPLATES
from changedet.report.plain import json_bytes
from changedet.report.runfile import VERDICTS_SCHEMA
from changedet.site import Site
from changedet.verdict import Verdict


@dataclass(frozen=True, slots=True)
class AnswerContent:
    """What the page says."""

    site: str
    where: str
    headline: str
    claim: Quoted
    answers: tuple[Answer, ...]
    caution: str = NOT_VALIDATED


def write_answer(site: Site, claim: ClaimAnswer, verdicts: Sequence[Verdict], folder: Path) -> tuple[Path, ...]:
    """Write ``report.html`` and ``verdicts.json`` into the folder.

    Returns
    -------
    The files written.
    """
    content = AnswerContent(
        words.clean(site.name),
        words.place(site.center),
        f"the claim is {claim.whole.outcome}",
        quoted(claim),
        answers(claim, verdicts),
    )
    page, record = folder / "report.html", folder / "verdicts.json"
    css = Markup((TEMPLATES / "report.css").read_text("utf-8"))
    text = environment(TEMPLATES).get_template("answer.html.j2").render(c=content, css=css)
    page.write_text(text, encoding="utf-8", newline="\n")
    record.write_bytes(
        json_bytes({"schema": VERDICTS_SCHEMA, "site": site.id, "claim": claim, "verdicts": tuple(verdicts)})
    )
    return page, record
