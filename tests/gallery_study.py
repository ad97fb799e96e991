"""A small made-up study and its gallery, for tests of the page's data and of the page itself."""

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import run_script

from study.data.embedding import directions
from study.data.index import read_index
from study.files import file_digest, read_csv, write_csv, write_json
from study.runs.predictions import (
    Predictions,
    load_predictions,
    no_predictions,
    roles_in_run,
    save_predictions,
)
from study.runs.second_looks import SecondLook, with_neighbours
from study.runs.tree import ResultsTree

ROLES = ("train", "val", "test")
CLASSES = ("cat", "</script><b>", "NA", "ship & boat")


class GalleryStudy:
    """Files of a study of invented answers: partitions v1, v2 and a rest, one near-duplicate."""

    def __init__(
        self,
        folder: Path,
        n: int = 600,
        shape: tuple[int, int, int] = (32, 32, 3),
        classes: tuple[str, ...] = CLASSES,
        combos: tuple[str, ...] = ("v1", "v1+v2"),
        models: tuple[str, ...] = ("a", "b"),
        seeds: tuple[int, ...] = (1, 2),
        diverged: tuple = (),
        strength: float = 1.5,
        features: np.ndarray | None = None,
    ):
        self.folder, self.neighbours, self.index = folder, [], folder / "index.csv"
        folder.mkdir(exist_ok=True)
        random = np.random.default_rng(0)
        self.labels = np.arange(n) % len(classes)
        self.images = random.integers(0, 256, (n, *shape), dtype=np.uint8)
        self._write_data(classes)
        splits = self._write_splits(seeds)
        self._write_pair(splits, seeds)
        self.runs = list(itertools.product(combos, models, seeds))
        write_csv(folder / "runs.csv", ["combo", "model", "seed"], self.runs)
        for combo, model, seed in self.runs:
            parts = [splits[part, seed] for part in combo.split("+")]
            ids = {role: np.concatenate([part[role] for part in parts]) for role in ROLES}
            roles = roles_in_run(n, ids)
            logits = random.normal(0, 1, (n, len(classes))).astype(np.float32)
            logits[np.arange(n), self.labels] += strength
            logits[-1, self.labels[-1]] -= 2 * strength
            odd = np.arange(4, n - 1, 11)  # these look like another class
            logits[odd, (self.labels[odd] + 1) % len(classes)] += 2 * strength
            lost = (combo, model, seed) in diverged
            predictions = (
                no_predictions(roles, len(classes)) if lost else Predictions(logits, roles)
            )
            self._write_run(self.run_folder(combo, model, seed), predictions, random)
        if features is not None:
            self._relate(features)
        self._rank()

    def run_folder(self, combo: str, model: str, seed: int) -> Path:
        return ResultsTree(self.folder).run(combo, model, seed)

    def _write_data(self, classes: tuple[str, ...]) -> None:
        n = len(self.labels)
        np.save(self.folder / "images.npy", self.images)
        rows = [
            (i, label, classes[label], "train" if i < 0.9 * n else "test", f"<{i}>.png")
            for i, label in enumerate(self.labels)
        ]
        names = ["image_id", "label", "class", "source_split", "file"]
        write_csv(self.index, names, rows)
        files = (self.folder / "images.npy", self.index)
        digests = {path.name: file_digest(path) for path in files}
        write_json(self.folder / "manifest.json", {"sha256": digests})

    def correct(self, labels: dict[int, int]) -> None:
        """Correct the labels of images; no run predicts again."""
        rows, classes = read_csv(self.index), read_index(self.index).classes
        for row in rows:
            row |= {"given": row["label"], "left_out": ""}
        for image_id, label in labels.items():
            rows[image_id] |= {"label": f"{label}", "class": classes[label]}
            self.labels[image_id] = label
        self.index = self.folder / "corrected.csv"
        write_csv(self.index, list(rows[0]), (row.values() for row in rows))
        self._rank()

    def _write_splits(self, seeds: tuple[int, ...]) -> dict:
        """Write the partitions, and return the split of each for each seed."""
        third, splits = len(self.labels) // 3, {}
        for name, ids in (("v1", np.arange(third)), ("v2", np.arange(third, 2 * third))):
            write_csv(self.folder / f"{name}.csv", ["image_id"], ([i] for i in ids))
            for seed in seeds:
                order = np.random.default_rng(seed).permutation(ids)
                parts = np.split(order, [7 * third // 10, 8 * third // 10])
                splits[name, seed] = dict(zip(ROLES, parts, strict=True))
        return splits

    def _write_pair(self, splits: dict, seeds: tuple[int, ...]) -> None:
        """Make the last image nearly the same as one of v1.

        The first seed trains on that one and the last seed tests on it.
        """
        first, last = splits["v1", seeds[0]], splits["v1", seeds[-1]]
        tested = np.setdiff1d(np.setdiff1d(first["train"], last["train"]), last["val"])
        pair = [np.append(tested, 3)[0], len(self.labels) - 1]
        self.pairs = np.array([pair])
        names = ["image_id", "other_id", "pixel_distance", "low_frequency_distance"]
        write_csv(self.folder / "duplicates.csv", names, [(*pair, 0.1, 0.2)])

    def _write_run(
        self, folder: Path, predictions: Predictions, random: np.random.Generator
    ) -> None:
        folder.mkdir(parents=True)
        save_predictions(folder / "predictions.npz", predictions)
        val, right = predictions.has_role("val"), predictions.logits.argmax(1) == self.labels
        accuracy = float(right[val].mean()) if val.any() and not predictions.diverged else None
        measured = {"n": int(val.sum()), "overall_accuracy": accuracy}
        write_json(folder / "metrics.json", {"val": measured})
        ids = np.flatnonzero(predictions.has_role("train"))
        names = ("confidence", "variability", "correctness", "aum")
        dynamics = {name: random.random(len(ids)) for name in names}
        whole = {name: random.integers(0, 4, len(ids)) for name in ("forgetting", "first_learnt")}
        np.savez(folder / "dynamics.npz", image_id=ids, **dynamics, **whole)

    def _relate(self, features: np.ndarray) -> None:
        """Find what is alike by some features, which are said to be those of a recipe "net"."""
        np.save(self.folder / "net.npy", features)
        found = self.folder / "net.neighbours.npz"
        run_script(
            "find_neighbours.py", "--features", self.folder / "net.npy", *self._common()[2:],
            "--output", found, "--table", self.folder / "alike.csv",
        )  # fmt: skip
        self.neighbours = ["--neighbours", found]

    def _rank(self) -> None:
        out, figures = self.folder, ("map-figure", "growth-figure", "confusions-figure")
        tables = ("reliability", "growth", "confusions", "behind")
        run_script(
            "find_hard_examples.py", *self._common(), *self.neighbours,
            "--images", out / "images.npy", "--partitions", out / "v1.csv", out / "v2.csv",
            "--output", out / "hard_examples.csv", "--top-table", out / "top.csv",
            "--page", out / "h.html", "--behind-page", out / "b.html", "--top", 20,
            *(a for name in tables for a in (f"--{name}", out / f"{name}.out.csv")),
            *(a for name in figures for a in (f"--{name}", out / f"{name}.svg")),
        )  # fmt: skip

    def look_again(self) -> None:
        """Give each run a second look: its neighbours by features that say nothing."""
        rows = directions(np.random.default_rng(9).normal(size=(len(self.labels), 4)))
        for run in self.runs:
            predictions = self.predictions(*run)
            if not predictions.diverged:
                look = with_neighbours(SecondLook(), rows, self.labels, predictions)
                path = self.run_folder(*run) / "predictions.npz"
                save_predictions(path, predictions, look)

    def _common(self) -> list:
        return [
            "--runs", self.folder / "runs.csv", "--index", self.index,
            "--duplicates", self.folder / "duplicates.csv",
        ]  # fmt: skip

    @property
    def page(self) -> Path:
        return self.folder / "gallery.html"

    def build(self, *more: object, check: bool = True) -> subprocess.CompletedProcess:
        """Make the gallery, as the workflow does it."""
        return run_script(
            "build_gallery.py", *self._common(), *self.neighbours,
            "--images", self.folder / "images.npy", "--manifest", self.folder / "manifest.json",
            "--table", self.folder / "hard_examples.csv", "--top-table", self.folder / "top.csv",
            "--output", self.page, *more, check=check,
        )  # fmt: skip

    def predictions(self, combo: str, model: str, seed: int) -> Predictions:
        """Return what a run says."""
        return load_predictions(self.run_folder(combo, model, seed) / "predictions.npz")

    def wrong(
        self, model: str | None = None, combo: str | None = None, said: int | None = None
    ) -> np.ndarray:
        """Return a mask of the misclassified images: by a model, on a combo, as a class.

        Only runs that may judge the image count.
        """
        found = np.zeros(len(self.labels), bool)
        for run in self.runs:
            if model in (None, run[1]) and combo in (None, run[0]):
                predictions = self.predictions(*run)
                predicted = predictions.logits.argmax(axis=1)
                mask = predictions.may_judge(self.pairs) & (predicted != self.labels)
                found |= mask if said is None else mask & (predicted == said)
        return found

    def listed(self) -> pd.DataFrame:
        """Return the rows of the table of hard examples that the gallery lists, hardest first."""
        table = pd.read_csv(
            self.folder / "hard_examples.csv", keep_default_na=False, na_values=[""]
        )
        index = read_index(self.index)
        assert (table["class"] == np.array(index.classes)[index.labels[table["image_id"]]]).all()
        top = pd.read_csv(self.folder / "top.csv")["image_id"]
        mask = self.wrong()
        mask[top] = True
        return table[mask[table["image_id"]]].reset_index(drop=True)
