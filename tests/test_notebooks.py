"""Each notebook runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
SAYS = {
    "first-site": ("structure removed",),
    "verifying-a-claim": (
        "SUPPORTED: north-tank",
        "CONTRADICTED: south-tank",
        "INCONCLUSIVE: mast",
        "can be settled: north-tank",
        "report.html",
    ),
    "reading-the-evidence": ("structure removed", "not observable", "scenes linked", "()\nchange.tif altered"),
    "power-and-limits": ("gone-30    supported", "kept-30    contradicted", "kept-30: inconclusive no-image-after"),
}
"""Words that each must print: truths of its simulation."""


def test_each_notebook_is_listed() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SAYS)


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_and_shows_its_picture(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jupytext = pytest.importorskip("jupytext")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("CHANGEDET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    notebook = jupytext.read(path)
    nbclient.NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(ROOT)}}).execute()
    shown = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert shown
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    for words in SAYS[path.stem]:
        assert words in said, words
