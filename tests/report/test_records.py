from __future__ import annotations

import math
from dataclasses import replace

import pytest

from changedet.report.records import direction_fields, field_types, records
from tests.report.builders import make_evidence

SQUARE_CLOCKWISE = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}


def test_a_row_for_each_detection_with_all_fields() -> None:
    evidence = make_evidence()
    rows = records(evidence)
    assert [row.properties["number"] for row in rows] == [1, 2, 3]
    assert all(list(row.properties) == list(field_types(evidence)) for row in rows)
    assert rows[0].properties["change_sentinel_2_nir"] == -0.53  # soot 0.09 less tank 0.62
    assert rows[0].properties["simulated"] is True


def test_outlines_run_counter_clockwise_with_seven_decimals() -> None:
    evidence = make_evidence()
    first = replace(evidence.detections[0], polygon=SQUARE_CLOCKWISE)
    (row,) = records(replace(evidence, detections=(first,)))
    assert list(row.geometry.exterior.coords)[:3] == [(0, 0), (1, 0), (1, 1)]
    for row in records(evidence):
        assert all(round(v, 7) == v for point in row.geometry.exterior.coords for v in point)


def test_one_detection_of_several_parts_makes_all_multipolygons() -> None:
    evidence = make_evidence()
    parts = {"type": "MultiPolygon", "coordinates": [SQUARE_CLOCKWISE["coordinates"]]}
    first = replace(evidence.detections[0], polygon=parts)
    rows = records(replace(evidence, detections=(first, *evidence.detections[1:])))
    assert {row.geometry.geom_type for row in rows} == {"MultiPolygon"}


def test_a_number_that_is_not_finite_is_none() -> None:
    evidence = make_evidence()
    first = replace(evidence.detections[0], score=math.nan, directions={"sentinel-2": {"red": math.inf}})
    (row,) = records(replace(evidence, detections=(first,)))
    assert row.properties["score"] is None
    assert row.properties["change_sentinel_2_red"] is None


def test_stacks_whose_names_differ_in_signs_alone_get_fields_of_their_own() -> None:
    evidence = make_evidence()
    first = replace(evidence.detections[0], directions={"a-b": {"vv": 1.0}, "a.b": {"vv": 2.0}})
    names = direction_fields(replace(evidence, detections=(first,)))
    assert names == {("a-b", "vv"): "change_a_b_vv", ("a.b", "vv"): "change_a_b_vv_2"}


def test_a_point_is_refused() -> None:
    evidence = make_evidence()
    first = replace(evidence.detections[0], polygon={"type": "Point", "coordinates": [0, 0]})
    with pytest.raises(TypeError, match="detection 1: Point is not a Polygon"):
        records(replace(evidence, detections=(first,)))
