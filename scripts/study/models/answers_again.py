"""What a run's stored weights answer, to hold its stored predictions against it.

The run may be somebody else's: only networks that the project has are built, in bounded memory, and
its weights are read from a format that holds no code.
"""

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study.config.architectures import check_architecture
from study.devices import system_text
from study.errors import StudyError
from study.models.build import count_parameters
from study.models.inference import images_at_once, load_classifier

# Bytes that a network may take beside what the process has: twice the largest weights that are
# read.
_ROOM = 4 << 30
_AT_ONCE = 64  # images, and fewer of large ones


def answers_again(
    weights: Path, record: Mapping[str, Any], images: np.ndarray
) -> np.ndarray | None:
    """Return the logits, float32 n×K, that a run's weights give for images, computed on the CPU.

    None if the project has no such network, or the library of it is not installed.

    Args:
        weights: of the run, .safetensors.
        record: of the run, run.json.
        images: uint8, n×H×W×C.

    Raises:
        StudyError: the weights are those of another network, or the network is too large.
    """
    wanted = record["recipe"]["architecture"]
    library, slash, _ = wanted["name"].partition("/")
    try:
        check_architecture(wanted)
    except StudyError:
        return None
    if slash and importlib.util.find_spec(library) is None:
        return None
    with _bounded_memory():
        try:
            classifier = load_classifier(weights, record, None, torch.device("cpu"))
            at_once = min(_AT_ONCE, images_at_once(classifier.model, images.shape[1]))
            with torch.inference_mode():
                batches = torch.from_numpy(images).split(at_once)
                logits = torch.cat([classifier(batch)[0] for batch in batches]).numpy()
        except (MemoryError, OSError, RuntimeError) as error:
            raise StudyError(f"{weights}: its network cannot be computed here ({error})") from error
    if count_parameters(classifier.model) != record["parameters"]:
        raise StudyError(
            f"{weights}: its network has {count_parameters(classifier.model):,} parameters, "
            f"recorded are {record['parameters']:,}"
        )
    return logits


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let this process take at most `_ROOM` more memory than it has, where Linux can limit it."""
    pages = system_text(Path("/proc/self/statm")).split()
    if not pages:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = int(pages[0]) * resource.getpagesize() + _ROOM
    bounds = [limit for limit in (most, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
