"""The card of a model that is handed on: what it is, how good, what it is not for, its origin.

The text is in card.txt. Its headings follow M. Mitchell et al., "Model Cards for Model Reporting",
2019.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from jinja2 import Environment, FileSystemLoader

from study.data.datasets import dataset
from study.data.image_files import fit_of
from study.data.names import OWN
from study.runs.confusion import confusion
from study.runs.predictions import Predictions
from study.runs.run import ACCURACY, RECALLS, Run

_HARDEST, _MOST_CONFUSED = 3, 5
# Nothing is escaped: this is Markdown and no HTML.
_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), keep_trailing_newline=True)


class Parity(NamedTuple):
    """How far an exported file says the same as the study.

    Attributes:
        n: images that were compared.
        classifier: largest absolute difference from the study's model, of logits or probabilities.
        stored: the same from the logits that the study stored.
        device: on which the study trained, and most likely predicted.
    """

    n: int
    classifier: float
    stored: float
    device: str

    def __str__(self) -> str:
        return (
            f"on {self.n:,} images the file differs by at most {self.classifier:.2g} from the "
            f"study's model and by {self.stored:.2g} from the logits that the study stored "
            f"({self.device})"
        )


def description(run: Run, repository: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an exported file says of itself: plain values."""
    record = run.record
    return {
        "run": run.name,
        "input": "images: uint8, N×H×W×C",
        "output": "logits and probabilities: float32, N×K",
        "classes": record["classes"],
        "image_shape": record["image_shape"],
        "temperature": run.metrics["temperature"],
        "recipe": record["recipe"],
        "weights_sha256": record["sha256"]["weights"],
        "commit": (record.get("repository") or repository)["commit"],
    }


def model_card(
    run: Run,
    manifest: Mapping[str, Any],
    predictions: Predictions,
    labels: np.ndarray,
    form: str,
    file: str,
    sha256: str,
    parity: Parity,
    exported_by: Mapping[str, Any],
    n_seen: int = 0,
) -> str:
    """Return the card of an exported run, as Markdown.

    Args:
        run: that was exported.
        manifest: of the data set.
        predictions: of the run.
        labels: int64 N, of all images.
        form: the format, a key of `study.models.export.FORMATS`.
        file: name of the exported file.
        sha256: of the exported file.
        parity: what was found when the file was asked.
        exported_by: `commit` and `dirty` of the copy of the project that wrote the file.
        n_seen: images of the own test with a near-duplicate that the run trained or validated on.
    """
    record, metrics, common = run.record, run.metrics, run.metrics["common_test"]
    height, width, _ = record["image_shape"]
    tests = {"own test": metrics, "common test": common}
    if not common["n"]:
        tests.pop("common test")
    elif common["n"] == metrics["n"]:  # a combo's test images are among the common ones
        tests = {"own test, which is the common test": metrics}
    own_images = manifest["dataset"] in OWN
    recalls = (common if common["n"] else metrics)[RECALLS].items()
    known = [(recall, name) for name, recall in recalls if recall is not None]
    return _TEMPLATES.get_template("card.txt").render(
        run=run,
        tests=tests,
        ACCURACY=ACCURACY,
        manifest=manifest,
        data_set="Own images, no published data set" if own_images else manifest["dataset"],
        licence=_licence(manifest),
        form=form,
        file=file,
        sha256=sha256,
        parity=parity,
        exported_by=exported_by,
        n_seen=n_seen,
        height=height,
        width=width,
        fit=fit_of(manifest),
        recipe_text=yaml.safe_dump(record["recipe"], sort_keys=False).rstrip(),
        hardest=sorted(known, key=lambda pair: pair[0])[:_HARDEST],
        confused=_confused(predictions, labels),
    )


def _licence(manifest: Mapping[str, Any]) -> str:
    record = dataset(manifest["dataset"])
    official = {f"md5:{digest}" for digest in record.md5.values()}
    # Other files under the name of a data set may be anything.
    if official and set(manifest["sources"].values()) != official:
        return dataset(OWN[0]).licence
    return record.licence


def _confused(predictions: Predictions, labels: np.ndarray) -> list[tuple[int, int, int]]:
    """Return the most frequent confusions in the own test: label, predicted class, images."""
    test = predictions.has_role("test")
    n_classes = predictions.logits.shape[1]
    matrix = confusion(labels[test], predictions.logits[test].argmax(axis=1), n_classes)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:_MOST_CONFUSED]
    pairs = zip(*np.unravel_index(order, matrix.shape), strict=True)
    return [(true, taken, matrix[true, taken]) for true, taken in pairs if matrix[true, taken]]
