"""Studies as they may be at the ends of what a configuration allows, as the tables of figures."""

from typing import NamedTuple

import numpy as np
import pandas as pd

LONG = ["class name of thirty letters", "another name of thirty letters"]
ODD = ["猫科動物の写真", "$ 100% <b>", "$x$ & _y_", "été", "a"]
PARTITIONS = [f"v{number}" for number in range(1, 7)]
TWELVE = [
    *PARTITIONS, *("+".join(PARTITIONS[:n]) for n in range(2, 7)), "official",
]  # fmt: skip


class Extreme(NamedTuple):
    """What a study may have."""

    combos: list[str]
    models: list[str]
    seeds: int = 3
    classes: tuple[str, ...] = ("cat", "dog", "frog")
    accuracy: float = 0.7
    noise: float = 0.01


STUDIES = {
    "one combo, four models, 99.9 %": Extreme(
        ["v1"], ["cnn2", "resnet18_tuned", "fastnet", "tv_vit_b_16"], accuracy=0.999, noise=0.001
    ),
    "one run, 5 %": Extreme(["v1"], ["cnn2"], 1, accuracy=0.05, noise=0.02),
    "twelve combos": Extreme(TWELVE, ["cnn2", "dilated_separable_tuned"]),
    "official alone, two seeds": Extreme(["official"], ["cnn2"], 2, noise=0.08),
    "100 classes": Extreme(["v1", "v2"], ["cnn2"], 2, tuple(f"class {i}" for i in range(100))),
    "long names": Extreme(
        ["a_partition_of_thirty_letters_1", "a_partition_of_thirty_letters_2"],
        ["a_model_whose_name_is_thirty_x", "cnn2"],
        2,
        (*LONG, *(f"{LONG[0]} {i}" for i in range(20))),
    ),
    "odd names": Extreme(["v1", "v2"], ["cnn2"], 2, tuple(ODD), noise=0.08),
}


def summary(study: Extreme) -> pd.DataFrame:
    """Return one row per run, as results/summary.csv has it."""
    random = np.random.default_rng(0)
    rows = []
    for m, model in enumerate(study.models):
        for combo in study.combos:
            for seed in range(study.seeds):
                size = len(combo.split("+"))
                accuracy = study.accuracy + 0.02 * m * (study.accuracy < 0.9)
                own, common = np.clip(accuracy + study.noise * random.normal(size=2), 0, 1)
                row = {
                    "combo": combo, "model": model, "seed": seed, "status": "ok",
                    "common_test_accuracy": np.nan if combo == "official" else common,
                    "test_accuracy": own, "n_train": 10_000 * size,
                    "train_seconds": 10.0 * size * (m + 1), "total_seconds": 12.0 * size * (m + 1),
                    "peak_memory_mb": 800 + 100 * m, "parameters": 10 ** (4 + m),
                    "multiply_adds": 10 ** (6 + m),
                }  # fmt: skip
                rows.append(row | {f"recall_{name}": random.random() for name in study.classes})
    return pd.DataFrame(rows).sort_values(
        "combo", kind="stable", key=lambda c: c.map(study.combos.index)
    )


def groups(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per combo and model with means and intervals."""
    rows = []
    for (combo, model), of in runs.groupby(["combo", "model"], sort=False):
        row = {"combo": combo, "model": model}
        for metric in ("common_test_accuracy", "test_accuracy"):
            mean, half = of[metric].mean(), 2 * of[metric].std()
            row |= {
                f"{metric}_mean": mean,
                f"{metric}_low": mean - half,
                f"{metric}_high": mean + half,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def baselines(study: Extreme) -> pd.DataFrame:
    """Return what needs no network, as results/baselines.csv has it."""
    tests = ["test" if combo == "official" else "common_test" for combo in study.combos]
    reached = {"nearest_neighbour": study.accuracy / 2, "largest_class": 0.04}
    return pd.DataFrame({"combo": study.combos, "measured_on": tests} | reached)


def comparisons(study: Extreme) -> pd.DataFrame:
    """Return one row per pair, every third one decided."""
    rows = []
    for compared, within, among in (
        ("combos", study.models, study.combos),
        ("models", study.combos, study.models),
    ):
        rows += [
            {"compared": compared, "within": where, "a": a, "b": b}
            for where in within
            for place, a in enumerate(among)
            for b in among[place + 1 :]
        ]
    table = pd.DataFrame(rows, columns=["compared", "within", "a", "b"])
    spread = min(study.accuracy, 1 - study.accuracy)
    table["difference"] = np.random.default_rng(1).normal(0, 0.3 * spread, len(table))
    table["verdict"] = [
        "b better" if number % 3 == 0 else "undecided" for number in range(len(table))
    ]
    return table


def components(study: Extreme) -> pd.DataFrame:
    """Return one row per model and source of spread; the intervals of two seeds are very wide."""
    wide = 31.9 if study.seeds == 2 else 6.3
    return pd.DataFrame(
        [
            {"model": model, "source": source, "sd": sd, "low": sd / 2, "high": sd * wide, "p": p}
            for model in study.models
            for source, sd, p in (
                ("partition", 2 * study.noise, 0.2), ("seed", study.noise, np.nan),
                ("finite test", study.noise / 2, np.nan),
            )
        ]
    )  # fmt: skip


def confusion(study: Extreme) -> np.ndarray:
    """Return a confusion matrix, int K×K."""
    n = len(study.classes)
    random = np.random.default_rng(2)
    right = np.diag(np.full(n, round(100 * study.accuracy)))
    return right + random.poisson(100 * (1 - study.accuracy) / n, (n, n))


def mistakes(study: Extreme, n: int = 12) -> pd.DataFrame:
    """Return the surest mistakes."""
    names = list(study.classes)
    return pd.DataFrame(
        {
            "image_id": range(n), "confidence": np.linspace(0.999, 0.5, n),
            "true": [names[i % len(names)] for i in range(n)],
            "pred": [names[(i + 1) % len(names)] for i in range(n)],
        }
    )  # fmt: skip
