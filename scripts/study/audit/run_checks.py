"""Whether one run is what its folder says, and everything said of it follows from its files."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from study.audit.checks import (
    Check,
    accuracy_without_near_duplicates,
    answers_differ,
    first_difference,
    held,
    opened,
    problems,
    roles_hold,
)
from study.audit.expected import Expected
from study.audit.probe_checks import (
    answers_of_features,
    features_differ,
    features_record,
    recipe_differs,
)
from study.config.imports import imported_models
from study.config.probes import is_probe
from study.config.recipes import complete_recipe, epochs_of, searches_rate
from study.data.evenly import evenly_spaced
from study.data.index import images_digest
from study.data.pixel_statistics import with_normalization
from study.data.splits import union
from study.errors import StudyError
from study.files import read_yaml
from study.runs.history import read_history
from study.runs.metrics import run_metrics
from study.runs.predictions import Predictions, load_predictions
from study.runs.run import ACCURACY, Run
from study.runs.summary import multiply_adds_of, run_row
from study.seeds import streams_of

if TYPE_CHECKING:
    from study.audit.verification import Verification

# Logits, float32 n×K, of a run's weights, .safetensors, by its record, for images, uint8 n×H×W×C;
# None where there is no such network.
Answer = Callable[[Path, Mapping[str, Any], np.ndarray], np.ndarray | None]

# Images whose logits are computed again; how many of them are test images, where there are so many.
N_AGAIN, N_TESTED = 256, 192
# Images by whose logits runs are compared with each other.
_N_COMPARED = 128
# Share of the validation images that a training may have judged otherwise than the predictions do.
_JUDGED_OTHERWISE = {"fp32": 0.01, "bf16": 0.03}


class RunChecks:
    """The checks of the runs of one study.

    Attributes:
        answers: of each run that did not diverge, its logits for some images.
    """

    def __init__(self, study: "Verification", expected: Expected):
        self.study, self.expected = study, expected
        self.tree = study.tree
        self.images = np.load(study.images, mmap_mode="r")
        self.compared = evenly_spaced(len(self.images), _N_COMPARED)
        self.answers: dict[Run, np.ndarray] = {}
        self.digests: dict[tuple[str, int], dict[str, str]] = {}
        self.multiply_adds: dict[str, Any] = {}

    def checks(self, run: Run) -> Iterator[Check]:
        """Yield the checks of one run.

        Its numbers are computed again only where its record is right.
        """
        path = run.folder / "run.json"
        opened(lambda _: run.record, path)
        opened(lambda _: run.metrics, run.folder / "metrics.json")
        problem = self._recorded_otherwise(run)
        yield held("runs are what their folders say", path, problem)
        files = list(self._digest_checks(run))
        yield from files
        if problem or problems(files):
            return
        imported = imported_models(self.expected.config).get(run.model)
        path = run.folder / "predictions.npz"
        predictions = opened(load_predictions, path)
        shape = len(self.images), len(self.expected.index.classes)
        problem = ""
        if predictions.logits.shape != shape:
            problem = f"is of {predictions.logits.shape}, expected {shape}"
        splits = list(self.expected.splits_of(run).values())
        problem = problem or roles_hold(predictions, splits, imported and run.record["imported"])
        yield held("roles are those of the splits", path, problem)
        if problem:
            return
        again = self._measured(run, predictions.without(self.expected.index.left_out))
        path = run.folder / "metrics.json"
        problem = first_difference(run.metrics, again)
        yield held("metrics follow from the logits", path, problem)
        if imported:  # no training here, and several runs may be one file
            self.study.predicted[run.name] = "they were imported"
            return
        yield self._history_check(run, again)
        yield from self._weights_checks(run, predictions)
        if not predictions.diverged:
            self.answers[run] = predictions.logits[self.compared]

    def summary_row(self, run: Run) -> dict[str, Any]:
        """Return what the summary must say of a run."""
        if run.model not in self.multiply_adds:
            path = self.tree.layers(run.model)
            self.multiply_adds[run.model] = opened(lambda _: multiply_adds_of(run), path)
        return run_row(run) | {"multiply_adds": self.multiply_adds[run.model]}

    def _recorded_otherwise(self, run: Run) -> str:
        """Return in what run.json differs from the run that its folder names, or ""."""
        record, index = run.record, self.expected.index
        splits = list(self.expected.splits_of(run).values())
        ids = {role: union(splits, role) for role in ("train", "val")}
        expected = {"seed": run.seed, "n_train": len(ids["train"]), "n_val": len(ids["val"])}
        if imported_models(self.expected.config).get(run.model):
            expected = {"seed": run.seed, "streams": {}, "epochs": 0, "parameters": None}
        elif is_probe(record["recipe"]):
            expected |= {"streams": {}, "epochs": 1}
        else:
            expected |= {"streams": streams_of(run.seed), "images": self._images(run, ids)}
        if problem := first_difference(record, expected):
            return problem
        for name, value in (
            ("classes", index.classes),
            ("image_shape", list(self.images.shape[1:])),
        ):
            if record[name] != value:
                return f"{name} are {record[name]}, expected {value}"
        return self._parents_differ(run, ids["train"])

    def _images(self, run: Run, ids: Mapping[str, np.ndarray]) -> dict[str, str]:
        """Return the digests of the images that a network was trained and chosen on, by role."""
        key = run.combo, run.seed
        if key not in self.digests:
            labels = self.expected.index.labels
            self.digests[key] = {
                role: images_digest(self.images[one], labels[one]) for role, one in ids.items()
            }
        return self.digests[key]

    def _parents_differ(self, run: Run, train_ids: np.ndarray) -> str:
        """Return how what run.json says it was made from differs from what is there, or ""."""
        config, tree = self.expected.config, self.tree
        recipe = opened(read_yaml, tree.recipe(run.model))
        parents = {tree.split(name, run.seed) for name in self.expected.splits_of(run)}
        parents.add(tree.recipe(run.model))
        if is_probe(recipe):
            if problem := features_differ(run, tree, self.study.digest):
                return problem
            parents.add(tree / features_record(run))
        searches, tuned = set(), None
        if run.model in config["tune"]:
            tuned = tree.tuned(*run.key)
            parents.add(tuned)
        if searches_rate(recipe):
            searches = {tree.rate_search(combo, run.model, run.seed) for combo in config["combos"]}
        # What comes before it is another place, where the run was trained on a copy.
        below = {
            f"/results/{path.relative_to(tree.folder).as_posix()}": path
            for path in (*parents, *searches)
        }
        found, rate = set(), None
        for name, digest in run.record["parents"].items():
            path = next((below[end] for end in below if f"/{name}".endswith(end)), None)
            if path is None:
                return f"says that it was made from {name}, which is none of this run's"
            if opened(self.study.digest, path) != digest:
                return f"was made from another {path}"
            found.add(path)
            rate = path if path in searches else rate
        if missing := parents - found:
            return f"does not say that it was made from {min(missing)}"
        if run.model in imported_models(config):
            return "" if run.record["recipe"] == recipe else "stands for another imported model"
        if is_probe(recipe):
            return recipe_differs(run, recipe)
        complete = complete_recipe(tree.recipe(run.model), rate, tuned)
        complete = with_normalization(complete, self.images, train_ids)
        return "" if run.record["recipe"] == complete else "was trained by another recipe"

    def _digest_checks(self, run: Run) -> Iterator[Check]:
        kind = "weights and predictions are what was made"
        for name, digest in (
            ("model.safetensors", run.record["sha256"]["weights"]),
            ("predictions.npz", run.metrics.get("sha256", {}).get("predictions", "")),
        ):
            path = run.folder / name
            same = opened(self.study.digest, path) == digest
            problem = "" if same else "is not the file that was recorded: its sha256 differs"
            yield held(kind, path, problem)

    def _measured(self, run: Run, predictions: Predictions) -> dict[str, Any]:
        """Return the metrics, computed again; keep the run's score."""
        labels, classes = self.expected.index.labels, self.expected.index.classes
        common = self.expected.common_test(run.seed)
        again = run_metrics(
            *(predictions, labels, classes, common, self.expected.pairs),
            self.expected.external_test,
            self.expected.index.groups,
        )
        if again["status"] != "diverged":
            is_common = bool(again["common_test"]["n"])
            measured = again["common_test"] if is_common else again
            test = common if is_common else np.flatnonzero(predictions.has_role("test"))
            judged = predictions.may_judge(self.expected.pairs)
            judged |= predictions.trained_on_unknown  # of near-duplicates it is unknown too
            n, without = accuracy_without_near_duplicates(predictions, labels, test, judged)
            self.study.scores.append(
                run.named
                | {"n_seen_near_duplicates": n, "accuracy_without": without}
                | {"accuracy": measured[ACCURACY]}
            )
        return again

    def _history_check(self, run: Run, metrics: Mapping[str, Any]) -> Check:
        """Check that the history is that of a training which ended as the record says."""
        record, recipe = run.record, run.record["recipe"]
        path = run.folder / "history.csv"
        history = opened(read_history, path)
        n = len(history)
        wanted = 1
        if not is_probe(recipe):
            steps = math.ceil(record["n_train"] / recipe["batch_size"])
            wanted = epochs_of(recipe, steps)
        wanted = min(wanted, recipe.get("stop_after", wanted))
        problem = first_difference(
            record, {"epochs": n, "train_seconds": float(history["seconds"].sum())}
        )
        may_be_short = recipe.get("patience") or record["status"] == "diverged"
        if history["epoch"].to_list() != list(range(1, n + 1)):
            problem = "epochs are not 1, 2, 3, …"
        elif n > wanted or (n < wanted and not may_be_short):
            problem = f"has {n} epochs, the recipe {wanted}"
        elif metrics["status"] != "diverged" and not 1 <= record["kept_epoch"] <= n:
            problem = f"has no epoch {record['kept_epoch']}, which was kept"
        elif not problem and metrics["status"] != "diverged" and record["n_val"]:
            was = float(history["val_accuracy"].iloc[record["kept_epoch"] - 1])
            is_now = metrics["val"][ACCURACY]
            allowed = 1 / record["n_val"] + _JUDGED_OTHERWISE[record["precision"]]
            if not abs(was - is_now) <= allowed + 1e-9:
                problem = f"validation accuracy was {was:.4f}, that of the predictions {is_now:.4f}"
        return held("histories are those of the runs", path, problem)

    def _weights_checks(self, run: Run, predictions: Predictions) -> Iterator[Check]:
        """Yield the check that the weights give the predictions, where it can be made.

        The images are drawn at random each time.
        """
        kind, path = "predictions are those of the weights", run.folder / "predictions.npz"
        if self.study.answer is None and not is_probe(run.record["recipe"]):
            self.study.predicted[run.name] = "torch is not installed here"
            return
        random, tested = np.random.default_rng(), predictions.has_role("test")
        tested[self.expected.common_test(run.seed)] = True
        first = random.permutation(np.flatnonzero(tested))[:N_TESTED]
        others = random.permutation(np.setdiff1d(np.arange(len(tested)), first))
        ids = np.sort([*first, *others[: N_AGAIN - len(first)]])
        try:
            again = self._answers(run, ids)
        except StudyError as error:
            yield held(kind, path, str(error))
            return
        if again is None:
            name = run.record["recipe"]["architecture"]["name"]
            self.study.predicted[run.name] = f"there is no network {name!r} here"
            if is_probe(run.record["recipe"]):
                self.study.predicted[run.name] = "they are a vote of neighbours"
            return
        self.study.predicted[run.name] = ""
        yield held(kind, path, answers_differ(predictions.logits[ids], again))

    def _answers(self, run: Run, image_ids: np.ndarray) -> np.ndarray | None:
        """Return what a run's weights answer for some images; None where that cannot be asked."""
        if is_probe(run.record["recipe"]):
            return answers_of_features(run, self.tree, image_ids)
        images = np.ascontiguousarray(self.images[image_ids])
        return self.study.answer(run.folder / "model.safetensors", run.record, images)
