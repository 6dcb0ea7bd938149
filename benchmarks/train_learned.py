"""Train a model for detector ``learned`` on cities with labels, as a file that the site file can name.

    python benchmarks/train_learned.py MODEL.npz [--data FOLDER] [--leave-out CITY …]

The folder holds one folder a city: ``catalog.json`` (STAC, two dates of Sentinel-2), ``change.tif`` (1 where it
changed), and the two days as names of folders. A model follows the licence of the labels it was made from.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
import tables
from cities import site_file
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject

from changedet import pipeline
from changedet.detect.features import choose_pair
from changedet.detect.learned import ordered
from changedet.detect.learned_features import describe
from changedet.detect.trees import Forest
from changedet.stack import Periods, geobox_of
from changedet.store import Store

CHANGED, UNCHANGED = 2000, 6000
"""Pixels drawn from a city, at most; each city weighs the same."""
SEEDS = tuple(range(6))
"""As many forests are averaged, each from pixels of its own."""
NO_LABEL = 255
SETTINGS = {
    "max_iter": 120,
    "learning_rate": 0.06,
    "max_leaf_nodes": 16,
    "min_samples_leaf": 100,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}


@dataclass(frozen=True)
class Drawn:
    """Pixels of one city."""

    vectors: NDArray[np.float32]
    """(n, features), in both orders of the dates."""
    changed: NDArray[np.bool_]


def city_vectors(home: Path, folder: Path) -> tuple[list[NDArray[np.float32]], NDArray[np.uint8]]:
    """All pixels of the city in ``home``, (features, y, x) in both orders of the dates, and their labels."""
    site = pipeline.load_site(site_file(folder, home.name, "pair", home))
    made = pipeline.gather(site, folder, Store(folder / "cache"), datetime(2026, 1, 1, tzinfo=UTC))
    stack = made.stacks["sentinel-2"]
    pair = ordered(choose_pair(stack, Periods(site.before, site.after)))
    geobox = geobox_of(stack)
    labels = np.full(geobox.shape, NO_LABEL, np.uint8)
    with rasterio.open(home / "change.tif") as source:
        reproject(
            source.read(1).astype(np.uint8), labels, src_transform=source.transform, src_crs=source.crs,
            dst_transform=geobox.affine, dst_crs=str(geobox.crs), resampling=Resampling.nearest, dst_nodata=NO_LABEL,
        )  # fmt: skip
    labels[~pair.seen] = NO_LABEL
    parts = [(vectors.forward(), vectors.backward()) for _, vectors in describe(pair)]
    return [np.concatenate(order, axis=1) for order in zip(*parts, strict=True)], labels


def draw(orders: list[NDArray[np.float32]], labels: NDArray[np.uint8], seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    flat = labels.ravel()
    chosen = []
    for label, most in ((1, CHANGED), (0, UNCHANGED)):
        places = np.flatnonzero(flat == label)
        chosen.append(rng.choice(places, min(most, len(places)), replace=False))
    places = np.concatenate(chosen)
    vectors = [order.reshape(len(order), -1)[:, places].T for order in orders]
    return Drawn(np.concatenate(vectors), np.tile(flat[places] == 1, 2))


def train(cities: Sequence[Sequence[Drawn]]) -> Forest:
    """One forest from the pixels of several cities, drawn once for each seed."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    parts = []
    for seed, drawn in enumerate(zip(*cities, strict=True)):
        weights = np.concatenate([np.full(len(city.changed), 1 / len(city.changed)) for city in drawn])
        machine = HistGradientBoostingClassifier(random_state=seed, **SETTINGS)
        machine.fit(
            np.concatenate([city.vectors for city in drawn]),
            np.concatenate([city.changed for city in drawn]),
            sample_weight=weights * len(weights) / weights.sum(),
        )
        parts.append(_flat(machine))
    return averaged(parts)


def _flat(machine: object) -> Forest:
    """The trees of scikit-learn's histogram gradient boosting, which keeps them where its API does not show them."""
    trees = [tree.nodes for (tree,) in machine._predictors]  # type: ignore[attr-defined]
    first = np.cumsum([0, *(len(tree) for tree in trees)])
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    shift = np.repeat(first[:-1], [len(tree) for tree in trees])
    return Forest(
        feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        low=np.where(leaf, 0, nodes["left"] + shift).astype(np.int32),
        high=np.where(leaf, 0, nodes["right"] + shift).astype(np.int32),
        value=np.where(leaf, nodes["value"], 0.0),
        root=first[:-1].astype(np.int32),
        start=np.ravel(machine._baseline_prediction).astype(np.float64),  # type: ignore[attr-defined]
    )


def averaged(forests: Sequence[Forest]) -> Forest:
    """One forest whose answer is the mean of theirs."""
    shift = np.cumsum([0, *(len(forest.feature) for forest in forests)])[:-1]
    share = 1 / len(forests)

    def moved(name: str) -> NDArray[np.int32]:
        return np.concatenate([getattr(f, name) + s for f, s in zip(forests, shift, strict=True)]).astype(np.int32)

    return Forest(
        feature=np.concatenate([f.feature for f in forests]),
        threshold=np.concatenate([f.threshold for f in forests]),
        low=moved("low"),
        high=moved("high"),
        value=share * np.concatenate([f.value for f in forests]),
        root=moved("root"),
        start=share * np.sum([f.start for f in forests], axis=0),
    )


def drawn_cities(homes: Sequence[Path]) -> dict[str, list[Drawn]]:
    """By city, the pixels of each city, once for each seed."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for home in homes:
            orders, labels = city_vectors(home, Path(folder))
            found[home.name] = [draw(orders, labels, seed) for seed in SEEDS]
    return found


def leave_each_out(folder: Path, cities: Sequence[str]) -> None:
    """A model for each city, trained on the others, as ``CITY.npz``; those that lie there already are kept."""
    missing = [city for city in cities if not (folder / f"{city}.npz").exists()]
    drawn = drawn_cities([tables.DATA / "oscd" / city for city in cities]) if missing else {}
    for city in missing:
        train([pixels for name, pixels in drawn.items() if name != city]).save(folder / f"{city}.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, default=tables.DATA / "oscd", help="the folder of the cities")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="CITY")
    options = parser.parse_args()
    homes = sorted(path.parent.resolve() for path in options.data.glob("*/change.tif"))
    drawn = drawn_cities([home for home in homes if home.name not in options.leave_out])
    train(list(drawn.values())).save(options.model)
    print(f"{options.model}: trained on {', '.join(drawn)}")


if __name__ == "__main__":
    main()
