from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from changedet.errors import InputError
from changedet.report import composite, pdf
from tests.report.builders import HOSTILE_NAMES, make_evidence
from tests.report.claims import QUOTATION, make_claim_evidence


@pytest.fixture
def reader() -> Any:
    pytest.importorskip("typst", reason="typst is not installed: pip install 'changedet[pdf]'")
    return pytest.importorskip("pypdfium2", reason="pypdfium2, which reads the PDF back, is not installed")


def text_of(reader: Any, path: Path) -> str:
    with reader.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_the_report_on_a4_says_what_the_page_says(reader: Any, tmp_path: Path) -> None:
    evidence = make_evidence()
    composite.write(evidence, tmp_path)
    (path,) = pdf.write(evidence, tmp_path)
    with reader.PdfDocument(path) as document:
        width, height = document[0].get_size()
    assert (width, height) == pytest.approx((595.28, 841.89), abs=0.1)
    said = " ".join(text_of(reader, path).replace("\u00a0", " ").split())
    for words in (
        "change found in one of two zones",
        "not yet validated in the field",
        "Fuel depot",
        "35.33611° N, 40.30944° E",
        "the file is truncated: 1024 of 40960 bytes",
        "clear over 3 % of the area",
        "SIMULATED",
    ):
        assert words in said, words


def test_a_claim_is_answered_on_paper_as_on_the_page(reader: Any, tmp_path: Path) -> None:
    (path,) = pdf.write(make_claim_evidence(), tmp_path)
    said = " ".join(text_of(reader, path).replace("\u00a0", " ").split())
    order = (
        QUOTATION,
        "A paper, 2 Apr 2025, https://example.org/report",
        "Asked of the images: north tank and mast destroyed between 1 Mar 2025 and 31 Mar 2025?",
        "INCONCLUSIVE",
        "Supported for north tank; inconclusive for mast.",
        "Reasons: the object is smaller than this site could have shown.",
        "Objects below about 18 m across could not have shown surely.",
        "no evidence against the claim",
        "Object by object",
        "SUPPORTED",
        "Change consistent with the loss of the object",
        "Date, 95 % interval: 20 Feb 2025 to 10 Mar 2025",
        "If nothing had changed: p = 0.002",
        "97 % of the time",
        "How its outline was placed: Drawn on the image of 3 June 2024.",
        "What would settle it: Images with pixels of about 0.4 m",
    )
    rest = said
    for words in order:
        assert words in rest, words
        rest = rest[rest.index(words) + len(words) :]


def test_hostile_names_are_text(reader: Any, tmp_path: Path) -> None:
    evidence = make_evidence(hostile=True)
    typst = ('#panic("a") $x$ *b* @c <d> \\ `e`', "= no heading", '#image("/etc/passwd")')
    zones = (replace(d, zone=name) for d, name in zip(evidence.detections, typst, strict=True))
    evidence = replace(evidence, detections=tuple(zones))
    (path,) = pdf.write(evidence, tmp_path)
    said = text_of(reader, path)
    assert "<script>alert(" in said
    assert 'panic("a") $x$ *b*' in " ".join(said.split())
    assert "/etc/passwd" in said
    assert HOSTILE_NAMES[2][:60] in said


def test_the_same_evidence_gives_the_same_bytes(reader: Any, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    first, second = (pdf.write(make_evidence(radar=False), folder)[0].read_bytes() for folder in folders)
    assert first == second


@pytest.mark.parametrize("empty", [True, False])
def test_a_site_with_nothing_found_is_set_too(reader: Any, tmp_path: Path, empty: bool) -> None:
    evidence = replace(make_evidence(optical=False), detections=(), verdicts=(), notes=(), dropped=(), failures=())
    if empty:
        evidence = replace(evidence, stacks={}, maps={}, scenes=())
    (path,) = pdf.write(evidence, tmp_path)
    assert "no change that stands out from chance" in " ".join(text_of(reader, path).split())


def test_without_typst_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(InputError, match=r"changedet\[pdf\]"):
        pdf.write(make_evidence(radar=False), tmp_path)
    assert not (tmp_path / "report.pdf").exists()
