"""What goes with a model that is handed on: what it is, how good it is, what it is not for, and where it comes from.

The headings follow M. Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import yaml

from study.data.datasets.cifar10 import CIFAR10
from study.data.datasets.cifar100 import CIFAR100
from study.data.datasets.fashion_mnist import MD5 as FASHION_MNIST
from study.data.image_files import fit_of
from study.data.names import OWN
from study.runs.metrics import confusion
from study.runs.predictions import Predictions
from study.runs.run import Run

_HARDEST, _MOST_CONFUSED = 3, 5

# As `study.data.datasets.pictures.read_picture` reads images of 8 bits: turned upright, laid on white, of the study's size.
IMAGE = """\
image = ImageOps.exif_transpose(Image.open("image.png")).convert("RGBA")
image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("{mode}")
image = {fit}
"""
FITS = {
    "crop": "ImageOps.fit(image, ({width}, {height}), Image.Resampling.BICUBIC)",
    "resize": "image.resize(({width}, {height}), Image.Resampling.BICUBIC)",
}
_EXAMPLES = {
    "onnx": """\
import numpy as np, onnxruntime; from PIL import Image, ImageOps
{image}pixels = np.array(image).reshape(1, {height}, {width}, {channels})
logits, probabilities = onnxruntime.InferenceSession("model.onnx").run(None, {{"images": pixels}})
print({classes}[probabilities[0].argmax()], probabilities[0].max())
""",
    "torch_export": """\
import numpy as np, torch; from PIL import Image, ImageOps
{image}pixels = np.array(image).reshape(1, {height}, {width}, {channels})
logits, probabilities = torch.export.load("model.pt2").module()(torch.from_numpy(pixels))
print({classes}[probabilities[0].argmax()], probabilities[0].max().item())
""",
    "safetensors": """\
import numpy as np, torch; from PIL import Image, ImageOps
from study.models.export import load_classifier_file  # of partition-study
{image}pixels = np.array(image).reshape(1, {height}, {width}, {channels})
logits, probabilities = load_classifier_file("model.safetensors")(torch.from_numpy(pixels))
print({classes}[probabilities[0].argmax()], probabilities[0].max().item())
""",
}
_MADE = {
    "crop": "the largest part in the middle with that ratio is scaled",
    "resize": "scaled in height and width each",
}
_NEEDS = {
    "onnx": "ONNX Runtime, in any language that has it; in Python `onnxruntime`, `numpy` and `pillow`",
    "torch_export": "`torch`, `numpy` and `pillow`",
    "safetensors": "this project: the file holds the weights and, as metadata, what the project builds the network and its preprocessing from",
}


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
            f"on {self.n:,} images the file differs by at most {self.classifier:.2g} from the study's model and by {self.stored:.2g} from "
            f"the logits that the study stored ({self.device})"
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
    n_twins: int = 0,
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
        n_twins: images of the own test with a near-duplicate that the run has trained or validated on.
    """
    record, metrics, classes = run.record, run.metrics, run.record["classes"]
    recipe = record["recipe"]
    height, width, channels = record["image_shape"]
    views = {
        "plain": "none: the image itself is predicted",
        "flip": "inside: logits are means over the image and its mirror image",
        "flip_and_shift": "inside: logits are means over the image, moved by one pixel, and their mirror images",
    }[recipe.get("test_time", "plain")]
    temperature = metrics["temperature"]
    softmax = (
        f"softmax of the logits divided by {temperature:.4g}, the temperature fitted on the run's validation images"
        if temperature is not None
        else "softmax of the logits, not calibrated: the run had no validation images"
    )
    fit = fit_of(manifest)
    words = {
        "mode": "L" if channels == 1 else "RGB",
        "height": height,
        "width": width,
        "channels": channels,
    }
    image = IMAGE.format(fit=FITS[fit].format(**words), **words)
    example = _EXAMPLES[form].format(image=image, classes=list(classes), **words)
    normalized = recipe["normalize"]
    tested = metrics["common_test"] if metrics["common_test"]["n"] else metrics
    where = "common test" if tested is not metrics else "own test"
    recalls = sorted(
        (item for item in tested["class_accuracy"].items() if item[1] is not None),
        key=lambda item: item[1],
    )
    lines = [
        f"# {run.model} on {run.combo}, seed {run.seed}",
        "",
        f"An image classifier, `{recipe['architecture']['name']}` with {record['parameters']:,} parameters, that tells {len(classes)} classes apart: "
        f"{', '.join(classes)}. It was trained from scratch as one run of a study of how much data partitions, seeds and models matter, made with partition-study.",
        "",
        "## How to use it",
        "",
        f"`{file}` needs {_NEEDS[form]}.",
        "",
        "```python",
        example.rstrip(),
        "```",
        "",
        f"- Input `images`: uint8, N×{height}×{width}×{channels}, {'grey' if channels == 1 else 'RGB'}, values 0–255, any N. Nothing is to be scaled or normalised "
        f"before. Images of other sizes are turned as their EXIF data say, laid on white where they are transparent, and {_MADE[fit]} by Pillow's bicubic filter, "
        "as above: prepared otherwise, they get other answers.",
        f"- Inside: (x/255 − mean) / std with mean {normalized['mean']} and std {normalized['std']}, the network, float32.",
        f"- Output `logits`: float32, N×{len(classes)}. Output `probabilities`: {softmax}.",
        f"- Views of each image at test time: {views}.",
        f"- Checked at export: {parity}.",
        "",
        "## Data",
        "",
        f"- {'Own images, no published data set' if manifest['dataset'] in OWN else manifest['dataset']}: {manifest['images'][0]:,} images of {height}×{width} pixels.",
        f"- Trained on {record['n_train']:,} images of {run.combo}; {record['n_val']:,} for validation, {metrics['n']:,} for the own test"
        + (
            f". The common test, {metrics['common_test']['n']:,} images, holds those of all partitions"
            if metrics["common_test"]["n"]
            else ""
        )
        + ". No image of a test was trained on"
        + (
            f", but {n_twins:,} of the own test have a near-duplicate that the run has seen."
            if n_twins
            else "."
        ),
        f"- Licence of the data: {_licence(manifest)}",
        "",
        "## Results",
        "",
        "| | images | accuracy | 95 % interval | balanced | log loss, of `probabilities` | calibration error, of `probabilities` |",
        "|---|---|---|---|---|---|---|",
        *_rows(metrics),
        "",
        "The intervals are Wilson's: what other test images would give this very model. Other seeds give other models.",
        "",
        f"- Hardest classes ({where}, recall): {', '.join(f'{name} {recall:.1%}' for name, recall in recalls[:_HARDEST])}.",
        f"- Most confused (own test): {_confused(predictions, labels, classes)}.",
        "",
        "## Intended use and limits",
        "",
        "- For comparing methods, for teaching and for trying things out. It was chosen by no comparison with models outside of its study.",
        f"- It knows {len(classes)} classes and names one of them for every image, whatever that shows. Its probabilities hold for images like those it was trained on.",
        "- Photographs of another origin, resized, are other data than it was tested on: expect less. It was not examined for bias towards groups of people or regions.",
        "- Not for decisions about people, and not where a wrong answer does harm.",
        "",
        "## Recipe",
        "",
        "```yaml",
        yaml.safe_dump(recipe, sort_keys=False).rstrip(),
        "```",
        "",
        "## Provenance",
        "",
        "| | |",
        "|---|---|",
        *(
            f"| {key} | {value} |"
            for key, value in _provenance(run, manifest, file, sha256, exported_by)
        ),
    ]
    return "\n".join(lines) + "\n"


def _licence(manifest: Mapping[str, Any]) -> str:
    cifar = (
        "its publisher states none (A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, "
        "<https://www.cs.toronto.edu/~kriz/cifar.html>); the images were collected from the web."
    )
    fashion = "MIT (H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017)."
    # Other files under the name of a data set may be anything.
    published = {
        "cifar10": (CIFAR10.md5, cifar),
        "cifar100": (CIFAR100.md5, cifar),
        "fashion_mnist": (FASHION_MNIST, fashion),
    }
    digests, licence = published.get(manifest["dataset"], ({}, ""))
    if digests and set(manifest["sources"].values()) == {
        f"md5:{digest}" for digest in digests.values()
    }:
        return licence
    if manifest["dataset"] == "digits":
        return "CC BY 4.0 (E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998)."
    return "not known to the project; ask who made them."


def _rows(metrics: Mapping[str, Any]) -> list[str]:
    common = metrics["common_test"]
    if not common["n"]:
        return [_row("own test", metrics)]
    # A combo's test images are among the common ones: as many are the same ones.
    if common["n"] == metrics["n"]:
        return [_row("own test, which is the common test", metrics)]
    return [_row("own test", metrics), _row("common test", common)]


def _row(name: str, metrics: Mapping[str, Any]) -> str:
    loss, error = (
        metrics[name] if metrics.get(f"{name}_scaled") is None else metrics[f"{name}_scaled"]
        for name in ("nll", "ece")
    )
    return (
        f"| {name} | {metrics['n']:,} | {metrics['overall_accuracy']:.1%} | {metrics['accuracy_low']:.1%} to {metrics['accuracy_high']:.1%} "
        f"| {metrics['balanced_accuracy']:.1%} | {loss:.3f} | {error:.3f} |"
    )


def _confused(predictions: Predictions, labels: np.ndarray, classes: Sequence[str]) -> str:
    own = predictions.has_role("test")
    matrix = confusion(labels[own], predictions.logits[own].argmax(axis=1), len(classes))
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:_MOST_CONFUSED]
    pairs = [
        (true, taken)
        for true, taken in zip(*np.unravel_index(order, matrix.shape), strict=True)
        if matrix[true, taken]
    ]
    if not pairs:
        return "none"
    return ", ".join(
        f"{classes[true]} taken for {classes[taken]} ({matrix[true, taken]})"
        for true, taken in pairs
    )


def _provenance(
    run: Run,
    manifest: Mapping[str, Any],
    file: str,
    sha256: str,
    exported_by: Mapping[str, Any],
) -> list[tuple[str, str]]:
    record = run.record
    return [
        (
            "run",
            f"{run.name}, epoch {record['kept_epoch']} of {record['epochs']}, finished {record['finished']}",
        ),
        ("trained by commit", _commit(record.get("repository") or {})),
        ("exported by commit", _commit(exported_by)),
        ("digest of the training's code", record.get("code") or "not recorded"),
        (f"sha256 of `{file}`", sha256),
        ("sha256 of the run's weights", record["sha256"]["weights"]),
        ("sha256 of the data's images", manifest["sha256"]["images.npy"]),
        ("device", f"{record['device']}, {record['precision']}"),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        ),
    ]


def _commit(repository: Mapping[str, Any]) -> str:
    commit = repository.get("commit")
    if commit is None:
        return "not recorded"
    return f"{commit}{', with changes that are not in it' if repository.get('dirty') else ''}"
