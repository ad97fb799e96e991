"""A small made-up study and its gallery, for tests of the page's data and of the page itself."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from study.data.index import read_index
from study.runs.predictions import (
    Predictions,
    load_predictions,
    no_predictions,
    roles_in_run,
    save_predictions,
)

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
CLASSES = ("cat", "</script><b>", "NA", "ship & boat")


class GalleryStudy:
    """Files of a study of invented answers: partitions v1, v2 and a rest, and one pair of near-duplicates."""

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
    ):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        random = np.random.default_rng(0)
        self.labels = np.arange(n) % len(classes)
        self.images = random.integers(0, 256, (n, *shape), dtype=np.uint8)
        np.save(folder / "images.npy", self.images)
        source = np.where(np.arange(n) < 0.9 * n, "train", "test")
        files = [f"<{i}>.png" for i in range(n)]
        names = [classes[label] for label in self.labels]
        columns = {
            "image_id": range(n),
            "label": self.labels,
            "class": names,
            "source_split": source,
            "file": files,
        }
        pd.DataFrame(columns).to_csv(folder / "index.csv", index=False)
        third = n // 3
        partitions = {"v1": np.arange(third), "v2": np.arange(third, 2 * third)}
        for name, ids in partitions.items():
            pd.DataFrame({"image_id": ids}).to_csv(folder / f"{name}.csv", index=False)
        splits = {}
        for seed, (name, ids) in itertools.product(seeds, partitions.items()):
            parts = np.split(
                np.random.default_rng(seed).permutation(ids), [7 * third // 10, 8 * third // 10]
            )
            splits[name, seed] = dict(zip(("train", "val", "test"), parts, strict=True))
        # The last image is nearly the same as one of v1 that is trained on with the first seed and tested with the last one.
        twin = np.setdiff1d(splits["v1", seeds[0]]["train"], splits["v1", seeds[-1]]["train"])
        twin = np.append(np.setdiff1d(twin, splits["v1", seeds[-1]]["val"]), 3)[0]
        self.pairs = np.array([[twin, n - 1]])
        (folder / "duplicates.csv").write_text(
            f"image_id,other_id,pixel_distance,low_frequency_distance\n{twin},{n - 1},0.1,0.2\n"
        )
        self.runs = list(itertools.product(combos, models, seeds))
        pd.DataFrame(self.runs, columns=["combo", "model", "seed"]).to_csv(
            folder / "runs.csv", index=False
        )
        for combo, model, seed in self.runs:
            own = [splits[part, seed] for part in combo.split("+")]
            codes = roles_in_run(
                n,
                {role: np.concatenate([s[role] for s in own]) for role in ("train", "val", "test")},
            )
            logits = random.normal(0, 1, (n, len(classes))).astype(np.float32)
            logits[np.arange(n), self.labels] += strength
            logits[-1, self.labels[-1]] -= 2 * strength
            place = folder / "runs" / combo / model / f"seed{seed}"
            place.mkdir(parents=True)
            lost = (combo, model, seed) in diverged
            save_predictions(
                place / "predictions.npz",
                no_predictions(codes, len(classes)) if lost else Predictions(logits, codes),
            )
            ids = np.flatnonzero(codes == 1)
            dynamics = {
                name: random.random(len(ids))
                for name in ("confidence", "variability", "correctness", "aum")
            }
            whole = {
                name: random.integers(0, 4, len(ids)) for name in ("forgetting", "first_learnt")
            }
            np.savez(place / "dynamics.npz", image_id=ids, **dynamics, **whole)
        self._rank()

    def _rank(self) -> None:
        out, figures = self.folder, ("map-figure", "growth-figure", "confusions-figure")
        tables = ("reliability", "growth", "confusions")
        self._run(
            "find_hard_examples.py", "--runs", out / "runs.csv", "--index", out / "index.csv",
            "--duplicates", out / "duplicates.csv", "--images", out / "images.npy", "--partitions", out / "v1.csv",
            out / "v2.csv", "--output", out / "hard_examples.csv", "--top-table", out / "top.csv", "--page", out / "h.html",
            *(a for name in tables for a in (f"--{name}", out / f"{name}.out.csv")),
            *(a for name in figures for a in (f"--{name}", out / f"{name}.svg")), "--top", 20,
        )  # fmt: skip

    def _common(self) -> list:
        return [
            "--runs", self.folder / "runs.csv", "--folder", self.folder / "runs", "--index", self.folder / "index.csv",
            "--duplicates", self.folder / "duplicates.csv",
        ]  # fmt: skip

    @staticmethod
    def _run(name: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess:
        result = subprocess.run(
            [sys.executable, SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True
        )
        assert not check or result.returncode == 0, result.stderr
        return result

    @property
    def page(self) -> Path:
        return self.folder / "gallery.html"

    def build(self, *more: object, check: bool = True) -> subprocess.CompletedProcess:
        """Make the gallery, as the workflow does it."""
        return self._run(
            "build_gallery.py", *self._common(), "--images", self.folder / "images.npy", "--table",
            self.folder / "hard_examples.csv", "--top-table", self.folder / "top.csv", "--output", self.page, *more, check=check,
        )  # fmt: skip

    def predictions(self, combo: str, model: str, seed: int) -> Predictions:
        """Return what a run says."""
        return load_predictions(
            self.folder / "runs" / combo / model / f"seed{seed}" / "predictions.npz"
        )

    def wrong(
        self, model: str | None = None, combo: str | None = None, said: int | None = None
    ) -> np.ndarray:
        """Return a mask of the images that some run gets wrong that may judge them: of a model, on a combo, as a class."""
        found = np.zeros(len(self.labels), bool)
        for run in self.runs:
            if model in (None, run[1]) and combo in (None, run[0]):
                predictions = self.predictions(*run)
                predicted = predictions.logits.argmax(axis=1)
                mask = predictions.may_judge(self.pairs) & (predicted != self.labels)
                found |= mask if said is None else mask & (predicted == said)
        return found

    def listed(self) -> pd.DataFrame:
        """Return the rows of the table of hard examples that the gallery should have, hardest first."""
        table = pd.read_csv(
            self.folder / "hard_examples.csv", keep_default_na=False, na_values=[""]
        )
        index = read_index(self.folder / "index.csv")
        assert (table["class"] == np.array(index.classes)[index.labels[table["image_id"]]]).all()
        top = pd.read_csv(self.folder / "top.csv")["image_id"]
        mask = self.wrong()
        mask[top] = True
        return table[mask[table["image_id"]]].reset_index(drop=True)
