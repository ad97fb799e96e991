"""A run's classifier as a file for other software, and how far that file says the same."""

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.export import Dim

from study.errors import StudyError, one_line
from study.models.build import build_recipe_model
from study.models.inference import Classifier

# What an exported file answers: images, uint8 N×H×W×C, to logits and probabilities, float32 N×K.
Answer = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

TOLERANCE = 1e-4
_NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime")}


def require_packages(form: str) -> None:
    """Check that all packages that a format needs are installed.

    Raises:
        StudyError: one is missing; the message has the command that installs it.
    """
    missing = [name for name in _NEEDED.get(form, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise StudyError(
            f"--format {form} needs {', '.join(missing)}, not installed here: "
            f"python -m pip install {' '.join(missing)}"
        )


def _write_onnx(
    classifier: Classifier, example: torch.Tensor, path: Path, description: Mapping[str, Any]
) -> None:
    program = torch.onnx.export(
        classifier,
        (example,),
        dynamo=True,
        verbose=False,
        input_names=["images"],
        output_names=["logits", "probabilities"],
        dynamic_shapes=({0: Dim("batch")},),
    )
    program.model.metadata_props.update(
        {key: json.dumps(value) for key, value in description.items()}
    )
    program.save(path, external_data=False)


def _read_onnx(path: Path) -> Answer:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: tuple(session.run(["logits", "probabilities"], {"images": images}))


def _write_torch_export(
    classifier: Classifier, example: torch.Tensor, path: Path, description: Mapping[str, Any]
) -> None:
    program = torch.export.export(classifier, (example,), dynamic_shapes=({0: Dim("batch")},))
    torch.export.save(program, path, extra_files={"description.json": json.dumps(description)})


def _read_torch_export(path: Path) -> Answer:
    return _answer_of(torch.export.load(path).module())


def _write_safetensors(
    classifier: Classifier, example: torch.Tensor, path: Path, description: Mapping[str, Any]
) -> None:
    weights = {name: tensor.contiguous() for name, tensor in classifier.model.state_dict().items()}
    save_file(weights, path, {key: json.dumps(value) for key, value in description.items()})


def load_classifier_file(path: str | Path) -> Classifier:
    """Return the classifier that was exported as safetensors, in evaluation mode.

    The file itself says what network it is.
    """
    with safe_open(path, "pt") as file:
        description = {key: json.loads(value) for key, value in file.metadata().items()}
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 – no dictionary
    recipe = description["recipe"]
    model = build_recipe_model(
        recipe, num_classes=len(description["classes"]), image_shape=description["image_shape"]
    )
    model.load_state_dict(weights)
    return Classifier(model, recipe, description["temperature"]).eval()


def _read_safetensors(path: Path) -> Answer:
    return _answer_of(load_classifier_file(path))


def _answer_of(module: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> Answer:
    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            return tuple(tensor.numpy() for tensor in module(torch.from_numpy(images)))

    return answer


# By format: the file's name, what writes it and what reads it back.
FORMATS = {
    "onnx": ("model.onnx", _write_onnx, _read_onnx),
    "torch_export": ("model.pt2", _write_torch_export, _read_torch_export),
    "safetensors": ("model.safetensors", _write_safetensors, _read_safetensors),
}


def export_classifier(
    classifier: Classifier, form: str, folder: Path, description: Mapping[str, Any]
) -> Path:
    """Write a classifier as one file that takes any number of images at once; return its path.

    Args:
        classifier: on the CPU, in evaluation mode.
        form: a key of `FORMATS`.
        folder: where to.
        description: what the file says of itself: `classes`, `image_shape` (H, W, C), `recipe`,
            `temperature` and more.

    Raises:
        StudyError: the format has no form for what the network computes.
    """
    name, write, _ = FORMATS[form]
    # More than one: a size of one would be taken for a fixed one.
    example = torch.zeros(2, *description["image_shape"], dtype=torch.uint8)
    classifier = classifier.to(memory_format=torch.contiguous_format)
    try:
        with _quiet(), torch.no_grad():
            write(classifier, example, folder / name, description)
    except (OSError, StudyError):
        raise
    except Exception as error:  # of the exporter's inside, whose kinds are not told
        raise StudyError(
            f"{type(classifier.model).__name__} cannot be exported as {form} "
            f"({one_line(error)[:300]}); try another --format"
        ) from error
    return folder / name


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what exporters say of their own inside."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def read_exported(path: Path, form: str) -> Answer:
    """Return a function that gives an exported file's answers, by the software it is made for."""
    with _quiet():
        return FORMATS[form][2](path)


def compare_with_classifier(
    answer: Answer, classifier: Classifier, images: np.ndarray, batch_size: int = 250
) -> tuple[np.ndarray, float]:
    """Return the logits of an exported file, and its largest difference from the classifier.

    The difference is absolute, of logits or probabilities.

    The first image is asked for alone as well: a file that takes one size of batches only fails.

    Args:
        answer: of the file.
        classifier: that was exported, on the CPU.
        images: uint8, n×H×W×C; n ≥ 1.
        batch_size: how many at once.
    """
    expected_of = _answer_of(classifier)
    logits: list[np.ndarray] = []
    largest = 0.0
    for batch in (images[:1], *np.array_split(images, -(-len(images) // batch_size))):
        given, expected = answer(batch), expected_of(batch)
        logits.append(given[0])
        largest = max(
            largest, *(largest_distance(a, b) for a, b in zip(given, expected, strict=True))
        )
    return np.concatenate(logits[1:]), largest


def largest_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of two arrays; infinite where one is not finite.

    Where numbers are above 1, it is a share of the largest: float32 has seven digits, so that
    logits of 30 differ by 1e-4 from one library to the next.
    """
    difference = float(np.abs(one.astype(np.float64) - other).max())
    largest = max(1.0, float(np.abs(other).max()))
    return difference / largest if np.isfinite(difference) else float("inf")
