#!/usr/bin/env python
"""Show what it costs to split pictures of one patient: made-up patients, split apart and together.

    PYTHONPATH=scripts python tests/benchmarks/grouped_split.py --folder /tmp/patients

Of 80 patients there are six pictures each, and of 80 others too, for testing alone. A picture shows
much of its patient and little of its class. The table has the accuracy that a study says, and the
one on new patients.
"""

import argparse
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

PROJECT = Path(__file__).resolve().parents[2]
PATIENTS, PICTURES, SIDE = 40, 6, 32
_STRIPES = np.sin(np.arange(SIDE) * 0.8)


def pattern(random: np.random.Generator, cells: int) -> np.ndarray:
    """Return a random pattern of cells × cells squares, float 3×SIDE×SIDE."""
    return np.kron(random.normal(0, 1, (3, cells, cells)), np.ones((SIDE // cells, SIDE // cells)))


def write_pictures(folder: Path) -> None:
    """Write the pictures into the folders train and new, by class."""
    random = np.random.default_rng(0)
    for part, person in (("train", "patient"), ("new", "person")):
        for label, name in enumerate(("healthy", "ill")):
            (folder / part / name).mkdir(parents=True)
            for number in range(PATIENTS):
                look = 45 * pattern(random, 4) + 30 * pattern(random, 8)
                for picture in range(PICTURES):
                    signal = 18 * label * np.roll(_STRIPES, random.integers(8))
                    seen = 128 + look + signal + random.normal(0, 12, look.shape)
                    seen = np.roll(seen, random.integers(-2, 3, 2), (1, 2)).clip(0, 255)
                    file = folder / part / name / f"{name}-{person}{number:02}_{picture}.png"
                    Image.fromarray(seen.astype(np.uint8).transpose(1, 2, 0)).save(file)


def accuracies(folder: Path, group: str) -> pd.Series:
    """Return the mean accuracies that a study of the pictures has, on its test and outside."""
    folder.mkdir()
    paths = {"path": "../train", "test_path": "../new", "image_size": SIDE, "group": group}
    study = {
        "dataset": {"name": "folder"} | paths,
        "partitions": [{"name": "v1", "size": 1.0}],
        "combos": ["v1"],
        "seeds": [1, 2, 3, 4, 5],
        "split": {"train": 0.6, "val": 0.1, "test": 0.3},
        "models": ["cnn3"],
        "overrides": {"cnn3": {"epochs": 30, "batch_size": 32}},
        "near_duplicates": {"threshold": 0.02},
        "figures": {"runs": False},
        "device": "cpu",
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    rules = ["-s", str(PROJECT / "workflow/Snakefile"), "--configfile", "study.yaml"]
    subprocess.run(["snakemake", "--cores", "2", *rules], cwd=folder, check=True)
    summary = pd.read_csv(folder / "results/summary.csv")
    return summary[["test_accuracy", "external_test_accuracy"]].mean()


def main(arguments: argparse.Namespace) -> None:
    """Make the pictures and both studies, and print the table."""
    folder = Path(arguments.folder)
    write_pictures(folder)
    groups = {"apart": "", "together": "([a-z]+-p[a-z]+[0-9]+)"}
    found = {name: accuracies(folder / name, group) for name, group in groups.items()}
    print(pd.DataFrame(found).T.rename(columns={"external_test_accuracy": "new patients"}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", required=True, help="new folder for pictures and studies")
    main(parser.parse_args())
