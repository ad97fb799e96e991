"""Write a run's model as one file for other software, with its preprocessing inside and a model card beside it.

The file takes bytes, uint8 N×H×W×C with any N, and returns logits and probabilities: normalisation, the recipe's views at test time and the
temperature are part of it. At export it is asked for 1,000 images of the study, and nothing is kept unless it says what the study's model
says, up to 1e-4.

  onnx          for ONNX Runtime, in any language
  torch_export  for PyTorch alone, without this project
  safetensors   weights with all that this project needs to build the network anew
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from study.audit.provenance import repository
from study.data.index import read_index
from study.data.near_duplicates import read_duplicates
from study.devices import take_device
from study.errors import StudyError
from study.files import atomic_path, file_digest, read_json, write_text
from study.runs.finished_runs import FinishedRun, finished_run
from study.runs.predictions import load_predictions

_FORMATS = ("onnx", "torch_export", "safetensors")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", metavar="COMBO/MODEL/SEED", help="which run, such as v1/cnn2/42")
    parser.add_argument("--format", required=True, choices=_FORMATS, help="see above")
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        help="new folder to write (default: exports/COMBO/MODEL/seedSEED/FORMAT)",
    )
    parser.add_argument(
        "--results", default="results", help="folder of the study's results (default: %(default)s)"
    )


def answer(arguments: argparse.Namespace) -> None:
    """Write the folder, or nothing."""
    results = Path(arguments.results)
    run = finished_run(results / "runs", arguments.run)
    place = Path("exports", run.combo, run.model, f"seed{run.seed}", arguments.format)
    output = Path(arguments.output) if arguments.output else place
    if output.exists():
        raise StudyError(
            f"{output} is there already; move it away or name another folder by --output"
        )
    # After the cheap checks: importing torch takes seconds.
    take_device(gpus=0, threads=1)
    from study.models.export import require_packages

    require_packages(arguments.format)
    with tempfile.TemporaryDirectory() as made:
        said = _write(run, results, arguments.format, Path(made))
        with atomic_path(output) as temporary:
            shutil.copytree(made, temporary)
    print(said)
    print(f"written: {', '.join(sorted(str(path) for path in output.iterdir()))}")


def _write(run: FinishedRun, results: Path, form: str, folder: Path) -> str:
    """Write the exported file and its card into a folder; return what was found when the file was asked."""
    import torch

    from study.models.export import (
        TOLERANCE,
        compare_with_classifier,
        export_classifier,
        largest_distance,
        read_exported,
        spread_ids,
    )
    from study.models.inference import load_classifier
    from study.report.model_card import Parity, description, model_card

    data = results / "data"
    images, labels = (
        np.load(data / "images.npy", mmap_mode="r"),
        read_index(data / "index.csv").labels,
    )
    predictions = load_predictions(run.folder / "predictions.npz")
    exported_by = repository()
    classifier = load_classifier(
        run.folder / "model.safetensors",
        run.record,
        run.metrics["temperature"],
        torch.device("cpu"),
    )
    print(f"exporting {run.name} as {form} …", file=sys.stderr)
    path = export_classifier(classifier, form, folder, description(run, exported_by))
    ids = spread_ids(len(images))
    logits, difference = compare_with_classifier(
        read_exported(path, form), classifier, np.array(images[ids])
    )
    parity = Parity(
        len(ids),
        difference,
        largest_distance(predictions.logits[ids], logits),
        run.record["device"],
    )
    # A GPU's arithmetic rounds in another way, so its stored logits are no measure of the file.
    measured = (
        max(difference, parity.stored) if run.record["device"].startswith("cpu") else difference
    )
    if measured > TOLERANCE:
        raise StudyError(
            f"the exported file is no copy of the run, so nothing was kept: {parity}; at most {TOLERANCE:g} is allowed"
        )
    twins = data / "near_duplicates.csv"
    seen = (
        ~predictions.may_judge(read_duplicates(twins))
        if twins.is_file()
        else np.zeros(len(labels), bool)
    )
    card = model_card(
        run, read_json(data / "manifest.json"), predictions, labels, form, path.name, file_digest(path), parity, exported_by,
        int((seen & predictions.has_role("test")).sum()),
    )  # fmt: skip
    write_text(folder / "MODEL_CARD.md", card)
    return str(parity)
