from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from changedet.errors import InputError
from changedet.report import runfile
from changedet.scene import Asset
from tests.report.builders import HOSTILE_NAMES, make_evidence


def records_of(folder: Path, **kind: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    run, verdicts = runfile.write(make_evidence(**kind), folder)
    return json.loads(run.read_bytes()), json.loads(verdicts.read_bytes())


def test_run_json_says_what_went_in_and_how(tmp_path: Path) -> None:
    run, _ = records_of(tmp_path)
    assert run["run"] == "20250701T000000-abcdef12"
    assert run["started"] == "2025-07-01T09:30:00Z"
    assert run["seed"] == 20250701
    assert run["versions"] == {"changedet": "0.1.0", "numpy": "2.4.6"}
    assert run["downloads"] == {"requests": 84, "bytes": 7_340_032}
    assert run["timings"]["fetch"] == 12.5
    assert run["counts"] == {"scenes": 22, "failures": 1, "dropped": 1, "detections": 3, "verdicts": 2}
    assert run["site"]["before"] == {"first": "2024-06-01", "last": "2025-02-28"}


def test_each_input_can_be_found_again_and_checked(tmp_path: Path) -> None:
    run, _ = records_of(tmp_path)
    first = run["inputs"][0]
    assert (first["id"], first["time"]) == ("S2A_37SFU_20240609_0_L2A", "2024-06-09T08:06:21Z")
    assert (first["relative_orbit"], first["baseline"], first["collection"]) == (78, "05.11", "sentinel-2-l2a")
    assert first["assets"]["red"]["href"] == "https://example.org/20240609/red.tif"
    assert first["assets"]["red"]["sha256"] == "0" * 64
    assert [scene["time"] for scene in run["inputs"]] == sorted(scene["time"] for scene in run["inputs"])


def test_what_failed_and_what_was_dropped_is_named_with_its_reason(tmp_path: Path) -> None:
    run, _ = records_of(tmp_path)
    assert run["failures"] == [
        {"scene": "S2A_37SFU_20240819", "asset": "nir", "reason": "the file is truncated: 1024 of 40960 bytes"}
    ]
    assert run["dropped"] == [{"scene": "S2B_37SFU_20241206", "reason": "clear over 3 % of the area"}]


def test_no_token_is_written(tmp_path: Path) -> None:
    made = make_evidence()
    signed = Asset(href="https://blob.example.org/red.tif?se=2030&sig=SECRET")
    runfile.write(replace(made, scenes=(replace(made.scenes[0], assets={"red": signed}),)), tmp_path)
    text = (tmp_path / "run.json").read_text()
    assert "SECRET" not in text
    assert "https://blob.example.org/red.tif" in text


def test_verdicts_with_their_figures_and_reasons(tmp_path: Path) -> None:
    _, verdicts = records_of(tmp_path)
    supported, inconclusive = verdicts["verdicts"]
    assert (supported["outcome"], supported["p_intact"], supported["smallest_diameter"]) == ("supported", 0.005, 14.0)
    assert inconclusive["reasons"] == ["clouded", "below-detection-limit"]
    assert verdicts["simulated"] is True
    assert "SIMULATED" in verdicts["attribution"]


def test_hostile_names_are_text(tmp_path: Path) -> None:
    run, verdicts = records_of(tmp_path, hostile=True)
    assert run["site"]["zones"][0]["name"] == HOSTILE_NAMES[0]
    assert run["failures"][0]["scene"] == HOSTILE_NAMES[0]
    assert verdicts["verdicts"][1]["subject"] == HOSTILE_NAMES[1][:200]


def test_the_provenance_comes_back(tmp_path: Path) -> None:
    runfile.write(make_evidence(), tmp_path)
    assert runfile.read_provenance(tmp_path) == make_evidence().provenance


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"run": 3'])
def test_a_damaged_run_json_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json: cannot be read"):
        runfile.read_provenance(tmp_path)
