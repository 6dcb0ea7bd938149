"""The learned scorer: trained on synthetic places, asked about others; its model file named in a site file."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from changedet.detect import learned, pair
from changedet.detect.choose import detect_changes
from changedet.detect.features import choose_pair
from changedet.detect.learned_features import FEATURES, describe
from changedet.detect.trees import Forest
from changedet.errors import FileError, InputError
from changedet.pipeline import load_site
from changedet.site import DetectSpec
from tests.conftest import ROOT
from tests.detect.pairs import BUILT, PERIODS, SIDE, SIX, auroc, built, speckled


@pytest.fixture(scope="module")
def trainer() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("train_learned")


@pytest.fixture(scope="module")
def forest(trainer: ModuleType) -> Forest:
    pytest.importorskip("sklearn")
    drawn = []
    for seed in (1, 2):
        parts = [
            (v.forward(), v.backward()) for _, v in describe(learned.ordered(choose_pair(built(seed=seed), PERIODS)))
        ]
        orders = [np.concatenate(order, axis=1) for order in zip(*parts, strict=True)]
        drawn.append([trainer.draw(orders, BUILT.astype(np.uint8), draw) for draw in (0, 1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trainer.SETTINGS, "max_iter", 20)
        return trainer.train(drawn)


@pytest.fixture
def config(forest: Forest, tmp_path: Path) -> learned.Config:
    forest.save(tmp_path / "model.npz")
    return learned.Config(model="model.npz").located(tmp_path)


def test_what_was_built_is_found_where_the_model_was_not_trained(config: learned.Config) -> None:
    change = learned.detect(built(seed=7), PERIODS, config, 0.01)
    assert auroc(change.score.values, BUILT) > 0.99
    assert change.changed.values[BUILT].mean() > 0.9
    assert change.attrs["detector"] == "learned"


def test_the_order_of_the_dates_does_not_matter(config: learned.Config) -> None:
    stack = built(seed=7)
    back = stack.isel(time=[1, 0]).assign_coords(time=stack.time.values)
    first, second = (learned.detect(s, PERIODS, config, 0.01).score.values for s in (stack, back))
    np.testing.assert_allclose(first, second, atol=2e-3)


def test_the_flat_trees_say_what_the_library_says(trainer: ModuleType) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, FEATURES)).astype(np.float32)
    changed = vectors[:, 3] + vectors[:, 10] * vectors[:, 20] > 0.5
    machine = ensemble.HistGradientBoostingClassifier(max_iter=10, random_state=0).fit(vectors, changed)
    flat = trainer._flat(machine)
    flat.check(FEATURES)
    np.testing.assert_allclose(flat.margin(vectors.T), machine.decision_function(vectors), rtol=1e-5, atol=1e-5)
    both = trainer.averaged([flat, flat])
    both.check(FEATURES)
    np.testing.assert_allclose(both.margin(vectors.T), flat.margin(vectors.T), atol=1e-5)


@pytest.mark.parametrize("rows", [64, 37])
def test_height_of_the_strips_changes_no_byte(
    rows: int, config: learned.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learned.detect(built(seed=7), PERIODS, config, 0.01).score.values
    monkeypatch.setattr("changedet.detect.learned_features.STRIP", rows)
    np.testing.assert_array_equal(learned.detect(built(seed=7), PERIODS, config, 0.01).score.values, whole)


def test_pixel_not_seen_on_both_is_not_observable(config: learned.Config) -> None:
    stack = built(seed=7)
    for band in SIX:
        stack[band].values[0, :20] = np.nan
    stack.valid.values[0, :20] = False
    change = learned.detect(stack, PERIODS, config, 0.01)
    assert not change.observable.values[:20].any()
    assert np.isnan(change.score.values[:20]).all()
    assert np.isfinite(change.score.values[20:]).all()
    assert change.changed.values[BUILT].mean() > 0.9


def test_vectors_have_as_many_features_as_a_model_is_read_for() -> None:
    for rows, vectors in describe(learned.ordered(choose_pair(built(), PERIODS))):
        assert vectors.forward().shape == (FEATURES, rows.stop - rows.start, SIDE)
        assert np.isfinite(vectors.forward()).all()


def test_radar_is_left_to_pair_and_joined(config: learned.Config) -> None:
    stacks = {"sentinel-2": built(seed=7), "sentinel-1-orbit-021": speckled(BUILT)}
    maps, change, _ = detect_changes(stacks, PERIODS, DetectSpec(detectors={"learned": config}))
    assert maps["sentinel-1-orbit-021"].attrs["detector"] == "pair"
    assert change.changed.values[BUILT].mean() > 0.9
    assert change.attrs["detector"] == "learned"


def test_missing_bands_are_named(config: learned.Config) -> None:
    with pytest.raises(InputError, match="no swir16 and no swir22"):
        learned.detect(built(SIX[:4]), PERIODS, config, 0.01)


def test_the_order_of_the_bands_does_not_matter(config: learned.Config) -> None:
    stack = built(seed=7)
    turned = xr.Dataset({name: stack[name] for name in reversed(list(stack.data_vars))}, attrs=stack.attrs)
    assert next(iter(turned.data_vars)) != next(iter(stack.data_vars))
    first, second = (learned.detect(s, PERIODS, config, 0.01).score.values for s in (stack, turned))
    np.testing.assert_array_equal(first, second)


SITE_FILE = """\
id: place
name: Place
area: {{center: [40.0, 35.0], radius: 500}}
source: {{kind: stac, catalog: catalog.json}}
sensors: {{sentinel-2: {{}}}}
before: [2024-06-01, 2024-06-30]
after: [2024-07-01, 2024-07-31]
detect: {{learned: {{{settings}}}}}
"""


def site_file(folder: Path, settings: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(SITE_FILE.format(settings=settings))
    return path


def test_a_site_file_names_the_model(forest: Forest, tmp_path: Path) -> None:
    forest.save(tmp_path / "model.npz")
    site = load_site(site_file(tmp_path, "model: model.npz"))
    assert "model.npz" in site.detect.model_dump_json()
    assert pickle.loads(pickle.dumps(site.detect.detectors["learned"])).forest().root.size == forest.root.size


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "model"),
        ("model: none.npz", "cannot be read: No such file"),
        ("model: wrong.npz", "is no model of this detector"),
        ("model: ../outside.npz", "lies outside"),
        ("model: /etc/hostname", "relative to the site file"),
        ("model: link.npz", "lies outside"),
        (f"model: model.npz, sha256: {'a' * 64}", "has the SHA-256"),
    ],
)
def test_a_model_that_cannot_be_used_is_said_in_a_sentence(
    settings: str, said: str, forest: Forest, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    forest.save(folder / "model.npz")
    forest.save(tmp_path / "outside.npz")
    (folder / "wrong.npz").write_bytes(b"PK not a model")
    (folder / "link.npz").symlink_to(tmp_path / "outside.npz")
    with pytest.raises(FileError) as caught:
        load_site(site_file(folder, settings))
    assert caught.value.exit_code == 2
    (problem,) = caught.value.problems
    assert problem.field == "detect.learned.model" or settings == ""
    assert said in str(problem)


def test_the_sum_of_the_model_is_part_of_what_is_written_down(config: learned.Config) -> None:
    written = config.model_dump()
    assert written["model"] == "model.npz"
    assert len(written["sha256"]) == 64
    assert set(written) == {"model", "sha256"}
    assert config != learned.Config(model="model.npz")


def test_a_config_that_was_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="not read yet"):
        learned.detect(built(), PERIODS, learned.Config(model="model.npz"), 0.01)


def test_pair_is_still_the_default() -> None:
    maps, _, _ = detect_changes({"sentinel-2": built()}, PERIODS, DetectSpec())
    np.testing.assert_array_equal(
        maps["sentinel-2"].score.values, pair.detect(built(), PERIODS, pair.Config(), 0.01).score.values
    )
