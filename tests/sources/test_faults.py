"""Faults of services, wires and disks: a choice of those that ``benchmarks/reliability.py`` measures in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import FAULTS, KINDS, Fault, Laboratory

CHOSEN = (
    "429, Retry-After in seconds",
    "429, Retry-After in milliseconds",
    "403 for one scene",
    "401 once: expired token",
    "500 that lasts",
    "cut body",
    "connection reset",
    "connection refused",
    "DNS failure",
    "redirect to a file",
    "HTML named image/tiff",
    "TIFF cut short on the server, once",
    "search: JSON cut short",
    "search: an empty page that is not the last",
    "search: a page that names itself as the next",
    "search: catalogues in a circle",
    "search: rubbish among the scenes",
    "cache: flipped bit",
    "cache: record cut short",
    "disk full",
)
CASES = [(fault, kind) for fault in FAULTS if fault.name in CHOSEN for kind in fault.kinds]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory, contracts: Path) -> Laboratory:
    return Laboratory.build(tmp_path_factory.mktemp("laboratory"), contracts)


def test_all_that_is_chosen_exists() -> None:
    assert set(CHOSEN) <= {fault.name for fault in FAULTS}
    assert sum(len(fault.kinds) for fault in FAULTS) >= 40
    assert all(set(fault.kinds) <= set(KINDS) for fault in FAULTS)


@pytest.mark.parametrize(("fault", "kind"), CASES, ids=[f"{fault.name}-{kind}" for fault, kind in CASES])
def test_a_fault_costs_no_byte(laboratory: Laboratory, tmp_path: Path, fault: Fault, kind: str) -> None:
    cell = laboratory.cell(fault, kind, tmp_path)
    assert cell.outcome == fault.outcome(kind), cell.sentence
    assert cell.lost == 0
    assert cell.same
    assert bool(cell.sentence) == (cell.outcome != "recovered")
    if cell.outcome == "refused":
        assert cell.code == 3
        assert "again" in cell.sentence  # it says how to go on
