"""A small made-up study, for tests of what compares its runs and of what lists hard images."""

import itertools
from collections.abc import Container
from pathlib import Path

import numpy as np
from made_index import write_index

from study.data.index import write_image_ids
from study.files import write_csv, write_json
from study.hardness.judgements import DYNAMICS
from study.runs.predictions import Predictions, no_predictions, roles_in_run, save_predictions
from study.runs.tree import ResultsTree

N, K = 240, 3
CLASSES = ["cat", "dog", "fox"]
LABELS = np.arange(N) % K
PARTITIONS = {"v1": np.arange(0, 80), "v2": np.arange(80, 160), "v3": np.arange(160, 240)}
OFFICIAL = {"train": np.arange(0, 200), "test": np.arange(200, 240)}
ALL_COMBOS = ["v1", "v2", "v3", "v1+v2", "v1+v3", "v2+v3", "v1+v2+v3", "official"]


class MadeUpStudy:
    """Files of a study of invented answers, which are better the more images a combo has."""

    def __init__(
        self,
        folder: Path,
        combos: list[str],
        models: list[str],
        seeds: list[int],
        diverged: Container[tuple] = (),
    ):
        self.folder, self.combos, self.models, self.seeds = folder, combos, models, seeds
        random = np.random.default_rng(0)
        write_index(folder / "index.csv", LABELS, CLASSES, tested=range(200, N))
        np.save(folder / "images.npy", random.integers(0, 256, (N, 4, 4, 3), dtype=np.uint8))
        names = ["image_id", "other_id", "pixel_distance", "low_frequency_distance"]
        write_csv(folder / "duplicates.csv", names, [(3, 200, 0.1, 0.2)])
        for name, ids in PARTITIONS.items():
            write_image_ids(folder / f"{name}.csv", ids)
        self.splits = {}
        for seed in seeds:
            for name, ids in PARTITIONS.items():
                order = np.random.default_rng(seed).permutation(ids)
                split = {"train": order[:40], "val": order[40:60], "test": order[60:]}
                self.splits[name, seed] = split
            write_image_ids(ResultsTree(folder).common_test(seed), np.sort(self.common_test(seed)))
        runs = list(itertools.product(combos, models, seeds))
        write_csv(folder / "runs.csv", ["combo", "model", "seed"], runs)
        for run in runs:
            self._write_run(*run, random, run in diverged)

    def common_test(self, seed: int) -> np.ndarray:
        """Return the test images of all partitions, partition by partition."""
        return np.concatenate([self.splits[name, seed]["test"] for name in PARTITIONS])

    def _write_run(
        self, combo: str, model: str, seed: int, random: np.random.Generator, diverged: bool
    ) -> None:
        roles = OFFICIAL
        if combo != "official":
            parts = [self.splits[part, seed] for part in combo.split("+")]
            roles = {role: np.concatenate([part[role] for part in parts]) for role in parts[0]}
        logits = random.normal(0, 1, (N, K)).astype(np.float32)
        logits[np.arange(N), LABELS] += 3 if combo == "official" else 1 + 0.8 * combo.count("+")
        codes, run = roles_in_run(N, roles), ResultsTree(self.folder).run(combo, model, seed)
        answers = no_predictions(codes, K) if diverged else Predictions(logits, codes)
        save_predictions(run / "predictions.npz", answers)
        write_json(run / "metrics.json", {"temperature": None if combo == "official" else 1.5})
        write_json(run / "run.json", {"n_train": len(roles["train"])})
        dynamics = dict.fromkeys(DYNAMICS, np.ones(len(roles["train"])))
        np.savez(run / "dynamics.npz", image_id=roles["train"], **dynamics)
