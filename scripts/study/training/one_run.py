"""How one run is trained: from its images, or from its checkpoint, to its end."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save as safetensors
from tqdm import tqdm

from study.config.recipes import canonical
from study.data.evenly import evenly_spaced
from study.data.index import Index
from study.devices import device_name, memory_advice
from study.files import atomic_path, write_csv
from study.models.build import count_parameters
from study.training.checkpoints import (
    growing_history,
    identity,
    load_checkpoint,
    save_checkpoint,
)
from study.training.energy import gpu_energy_joules
from study.training.epoch import WATCHED, Epoch
from study.training.image_set import ImageSet
from study.training.trainer import Diverged, Trainer, new_trainer


class TrainedRun(NamedTuple):
    """A training that has ended.

    Attributes:
        trainer: with the history and the weights to keep.
        train_ids: int64, n; image_ids of the training set.
        digests: of the images and labels of each role.
        status: "ok" or "diverged".
        seconds: of the whole training, with the epochs before an interruption.
        gpu_energy_joules: of the card; None where it is not known, as after an interruption.
    """

    trainer: Trainer
    train_ids: np.ndarray
    digests: dict[str, str]
    status: str
    seconds: float
    gpu_energy_joules: float | None

    def write(self, weights: str, history: str, dynamics: str | None) -> None:
        """Write the weights, .safetensors, the history, .csv, and the training dynamics, .npz."""
        if dynamics:
            with atomic_path(dynamics) as temporary:
                np.savez(
                    temporary,
                    image_id=self.train_ids.astype(np.int32),
                    **self.trainer.step.dynamics.table(),
                )
        write_csv(history, Epoch._fields, self.trainer.history)
        state = self.trainer.evaluated.state_dict()
        # Through memory: safetensors does not pass on why a write failed, such as a full disk.
        content = safetensors({name: tensor.contiguous() for name, tensor in state.items()})
        with atomic_path(weights) as temporary:
            temporary.write_bytes(content)

    def record(self) -> dict[str, Any]:
        """Return what run.json says of the training itself."""
        trainer, history, device = self.trainer, self.trainer.history, self.trainer.device
        seconds = sum(epoch.seconds for epoch in history)
        gpu = device.type == "cuda"
        return {
            "status": self.status,
            "n_train": len(trainer.train_set),
            "n_val": len(trainer.val_set),
            "parameters": trainer.n_parameters,
            "trained_parameters": count_parameters(trainer.model),
            "epochs": len(history),
            "kept_epoch": trainer.kept_epoch.epoch if self.status == "ok" else len(history),
            "train_seconds": seconds,
            "images_per_s": len(history) * len(trainer.train_set) / seconds if history else None,
            "total_seconds": self.seconds,
            "gpu_energy_joules": self.gpu_energy_joules,
            "device": device_name(device),
            "precision": "bf16" if trainer.step.bf16 else "fp32",
            "cuda_graph": trainer.recorded,
            "peak_gpu_memory_mb": (
                round(torch.cuda.max_memory_allocated(device) / 2**20, 1) if gpu else None
            ),
            "images": {role: self.digests[role] for role in ("train", "val")},
            "initial_weights": trainer.initial_weights,
            "taken_weights": trainer.taken and trainer.taken._asdict(),
        }


def watched(test_ids: np.ndarray) -> np.ndarray:
    """Return the test images, int64 n, that a history's test columns are about: evenly spaced."""
    return test_ids[evenly_spaced(len(test_ids), WATCHED)]


@memory_advice()
def train_run(
    recipe: Mapping[str, Any],
    seed: int,
    images: np.ndarray,
    index: Index,
    image_ids: Mapping[str, np.ndarray],
    device: torch.device,
    *,
    made_by: str,
    checkpoint: str | None = None,
) -> TrainedRun:
    """Train one run, from its checkpoint if there is one; one line per epoch goes to stderr.

    Args:
        recipe: a resolved recipe.
        seed: of the run.
        images: uint8 N×H×W×C, all of the data set.
        index: of the same images.
        image_ids: int64, n, of each role "train", "val" and "test".
        device: to train on.
        made_by: identity of the code, libraries, threads and processor. A checkpoint of others is
            not used.
        checkpoint: where an unfinished training keeps its state; None: nowhere.

    Raises:
        StudyError: the recipe does not fit the images, or there is too little memory.
    """
    shown = {**image_ids, "test": watched(image_ids["test"])}
    sets = {
        role: ImageSet.taken(images, index.labels, shown[role], device)
        for role in ("train", "val", "test")
    }
    digests = {role: image_set.digest() for role, image_set in sets.items()}
    trainer = new_trainer(recipe, seed, len(index.classes), *sets.values())
    key = identity([made_by, trainer.step.bf16, seed, canonical(recipe), *digests.values()])
    if checkpoint:
        _resume(trainer, checkpoint, key)
    # Of what was done before an interruption, the seconds of training are known.
    earlier = trainer.seconds
    energy_before = gpu_energy_joules(device)
    clock = time.perf_counter()
    try:
        _train(trainer, checkpoint, key)
        status = "ok"
    except Diverged as error:
        # No failure of the workflow but a result of the recipe: the other runs go on.
        print(error, file=sys.stderr)
        status = "diverged"
    seconds = earlier + time.perf_counter() - clock
    # What a card used before an interruption is not known.
    known = energy_before is not None and not earlier
    energy = gpu_energy_joules(device) - energy_before if known else None
    return TrainedRun(trainer, image_ids["train"], digests, status, seconds, energy)


def _resume(trainer: Trainer, checkpoint: str | Path, key: str) -> None:
    """Go on from the checkpoint, if it is one of this training."""
    state = load_checkpoint(checkpoint, key, trainer.device)
    if state is not None:
        trainer.load_state_dict(state)
        print(f"resumed after epoch {len(trainer.history)}", file=sys.stderr)


def _train(trainer: Trainer, checkpoint: str | None, key: str) -> None:
    """Train to the end; print each epoch, and keep the state and the history so far."""
    last, resumed_after = trainer.last_epoch, len(trainer.history)

    def save(state: dict[str, Any]) -> None:
        if checkpoint:
            save_checkpoint(checkpoint, key, state)

    def write_history() -> None:
        """Write the epochs so far beside the checkpoint, where `study watch` reads them."""
        if checkpoint:
            header = ["epochs", "resumed_after", *Epoch._fields]
            rows = ([last, resumed_after, *epoch] for epoch in trainer.history)
            write_csv(growing_history(checkpoint), header, rows, lasting=False)

    write_history()
    # disable=None: a bar on a terminal, none in a log, where the line of each epoch tells as much.
    with tqdm(total=last, initial=resumed_after, unit="epoch", disable=None) as progress:

        def report(epoch: Epoch) -> None:
            progress.write(f"epoch {epoch.epoch}/{last}  {epoch}", file=sys.stderr)
            progress.update()
            write_history()

        trainer.run(report, save=save)
