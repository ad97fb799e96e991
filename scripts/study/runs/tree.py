"""Where everything lies in a folder of results: the paths that more than one module reads.

The rules spell them too, literally, because that is how Snakemake knows which job makes which file.
So do the lists of what a study and a bundle hold, in `study.audit`.
"""

from pathlib import Path
from typing import NamedTuple

from study.errors import StudyError
from study.files import read_json


class ResultsTree(NamedTuple):
    """The paths of one study's results.

    Attributes:
        folder: the folder of all results, such as "results".
    """

    folder: Path

    def __truediv__(self, path: str | Path) -> Path:
        """Return any path below the folder, such as `tree / "summary.csv"`."""
        return self.folder / path

    @property
    def list_of_runs(self) -> Path:
        """The table of the study's runs: combo, model, seed."""
        return self.folder / "runs.csv"

    @property
    def study(self) -> Path:
        """The record of the study."""
        return self.folder / "study.json"

    @property
    def images(self) -> Path:
        """The array of all images."""
        return self.folder / "data" / "images.npy"

    @property
    def index(self) -> Path:
        """The table of all images."""
        return self.folder / "data" / "index.csv"

    @property
    def corrected(self) -> Path:
        """The same with the labels that people corrected."""
        return self.folder / "data" / "corrected.csv"

    @property
    def corrections(self) -> Path:
        """The table of verdicts that changed a label, or left an image out."""
        return self.folder / "data" / "corrections.csv"

    @property
    def labels(self) -> Path:
        """The table of all images with the labels that count in the study.

        Raises:
            StudyError: it is one with corrections, and their table is missing.
        """
        asked = read_json(self.study)["config"] if self.study.is_file() else None
        if asked and not asked["dataset"].get("corrections"):
            return self.index  # the other outlives the line of the configuration that asked for it
        if self.corrected.is_file():
            return self.corrected
        if asked:
            raise StudyError(
                f"{self.corrected} is missing, which has the labels that were corrected; "
                "let Snakemake make the study again"
            )
        return self.index

    @property
    def data_manifest(self) -> Path:
        """The record of the data set."""
        return self.folder / "data" / "manifest.json"

    @property
    def near_duplicates(self) -> Path:
        """The table of pairs of images that are nearly the same."""
        return self.folder / "data" / "near_duplicates.csv"

    @property
    def hard_examples(self) -> Path:
        """The table of all images and how hard each is."""
        return self.folder / "hard_examples.csv"

    @property
    def baselines(self) -> Path:
        """The table of the accuracies that need no network."""
        return self.folder / "baselines.csv"

    def partition(self, name: str) -> Path:
        """Return the list of images of a partition."""
        return self.folder / "partitions" / f"{name}.csv"

    def partition_record(self, name: str) -> Path:
        """Return the record of a partition: seed, size, class counts and digest."""
        return self.folder / "partitions" / f"{name}.json"

    def split(self, partition: str, seed: int) -> Path:
        """Return the train/val/test split of a partition (or of `official`) for a seed."""
        return self.folder / "splits" / partition / f"seed{seed}.csv"

    def common_test(self, seed: int) -> Path:
        """Return the list of images that all runs of a seed are tested on."""
        return self.folder / "splits" / "common" / f"seed{seed}.csv"

    def recipe(self, model: str) -> Path:
        """Return the resolved recipe of a model."""
        return self.folder / "recipes" / f"{model}.yaml"

    def layers(self, model: str) -> Path:
        """Return the table of the layers of a model's network."""
        return self.folder / "models" / model / "layers.csv"

    def rate_search(self, combo: str, model: str, seed: int) -> Path:
        """Return what a search for a learning rate suggests."""
        return self.folder / "lr_find" / combo / model / f"seed{seed}" / "suggestion.json"

    def tuned(self, combo: str, model: str, seed: int) -> Path:
        """Return the settings that tuning chose for a run."""
        return self.folder / "tune" / combo / model / f"seed{seed}" / "best.yaml"

    def run(self, combo: str, model: str, seed: int) -> Path:
        """Return the folder of a run."""
        return self.folder / "runs" / combo / model / f"seed{seed}"

    def log(self, rule: str, combo: str, model: str, seed: int) -> Path:
        """Return what the job of this rule printed for a run."""
        return self.folder / "logs" / rule / combo / model / f"seed{seed}.log"

    def checkpoint(self, combo: str, model: str, seed: int) -> Path:
        """Return where an unfinished training of a run keeps its state."""
        return self.folder / "scratch" / "train" / combo / model / f"seed{seed}.pt"

    def growing_history(self, combo: str, model: str, seed: int) -> Path:
        """Return where an unfinished training writes its epochs, after each of them."""
        return self.checkpoint(combo, model, seed).with_suffix(".history.csv")

    def comparison(self, table: str) -> Path:
        """Return a table of the comparisons, such as "groups"."""
        return self.folder / "comparisons" / f"{table}.csv"
