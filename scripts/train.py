#!/usr/bin/env python
"""Train one model on one combo with one seed."""

import argparse
import datetime
import sys
import time
from pathlib import Path

from study.audit.provenance import library_versions, machine, peak_memory_mb, repository
from study.code import code_digest
from study.config.components import component_modules
from study.config.recipes import canonical, complete_recipe
from study.data.index import read_index
from study.data.partitions import ROLES, read_split, union
from study.devices import device_name, gpu_versions, memory_advice, take_device
from study.files import atomic_path, file_digest, read_json, read_yaml, write_csv, write_json
from study.job import device_options, hold_log, run_script, stop_with_ancestors
from study.seeds import stream_seed
from study.training.energy import gpu_energy_joules


def main(arguments: argparse.Namespace) -> None:
    """Write the weights, the history and a record of the run."""
    started = datetime.datetime.now(datetime.UTC)
    if arguments.job:
        hold_log()
        stop_with_ancestors()
    index = read_index(arguments.index)
    splits = [read_split(path) for path in arguments.splits]
    recipe = complete_recipe(arguments.recipe, arguments.lr_find, arguments.tuned)

    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads, recipe.get("deterministic", False))
    import numpy as np
    import torch
    from safetensors.torch import save as safetensors
    from tqdm import tqdm

    from study.models.build import count_parameters
    from study.training.checkpoints import (
        identity,
        load_checkpoint,
        remove_checkpoints,
        save_checkpoint,
    )
    from study.training.trainer import Diverged, Epoch, ImageSet, new_trainer

    images = np.load(arguments.images, mmap_mode="r")

    image_ids = {role: union(splits, role) for role in ROLES}
    train_set, val_set, test_set = (
        ImageSet.taken(images, index.labels, image_ids[role], device) for role in ROLES
    )
    trainer = new_trainer(recipe, arguments.seed, len(index.classes), train_set, val_set, test_set)

    code = code_digest(Path(__file__), *component_modules(recipe))
    train_digest, val_digest = train_set.digest(), val_set.digest()
    key, earlier = "", 0.0
    if arguments.checkpoint:
        key = identity(
            [
                code,
                torch.__version__,
                device.type,
                trainer.bf16,
                arguments.seed,
                canonical(recipe),
                train_digest,
                val_digest,
                test_set.digest(),
            ]
        )
        state = load_checkpoint(arguments.checkpoint, key, device)
        if state is not None:
            trainer.load_state_dict(state)
            earlier = sum(epoch.seconds for epoch in trainer.history)
            print(f"resumed after epoch {len(trainer.history)}", file=sys.stderr)

    def save(state: dict) -> None:
        if arguments.checkpoint:
            save_checkpoint(arguments.checkpoint, key, state)

    epochs = trainer.last_epoch
    energy = gpu_energy_joules(device)
    clock = time.perf_counter()
    # disable=None: a bar on a terminal, nothing in a log, where the line of each epoch tells as much.
    with tqdm(total=epochs, initial=len(trainer.history), unit="epoch", disable=None) as progress:

        def report(epoch: Epoch) -> None:
            progress.write(f"epoch {epoch.epoch}/{epochs}  {epoch}", file=sys.stderr)
            progress.update()

        try:
            with memory_advice():
                history = trainer.run(report, save=save)
            status = "ok"
        except Diverged as error:
            # No failure of the workflow but a result of the recipe: the other runs go on, and the summary says so.
            print(error, file=sys.stderr)
            history, status = trainer.history, "diverged"
    # Of what was done before an interruption, the epochs are known.
    seconds = earlier + time.perf_counter() - clock
    # What a card used before an interruption is not known.
    energy = gpu_energy_joules(device) - energy if energy is not None and not earlier else None

    if arguments.dynamics:
        with atomic_path(arguments.dynamics) as temporary:
            np.savez(
                temporary, image_id=image_ids["train"].astype(np.int32), **trainer.dynamics.table()
            )
    write_csv(arguments.history, Epoch.columns(), (list(epoch.row().values()) for epoch in history))
    # By way of memory: safetensors does not pass on why a write failed, such as a full disk.
    weights = safetensors(
        {name: tensor.contiguous() for name, tensor in trainer.evaluated.state_dict().items()}
    )
    with atomic_path(arguments.weights) as temporary:
        temporary.write_bytes(weights)
    parents = [
        *arguments.splits,
        arguments.recipe,
        *filter(None, (arguments.lr_find, arguments.tuned)),
    ]
    training_seconds = sum(epoch.seconds for epoch in history)
    n_visited = len(history) * len(train_set)
    write_json(
        arguments.run,
        {
            "status": status,
            "seed": arguments.seed,
            "streams": {
                stream: stream_seed(arguments.seed, stream)
                for stream in ("init", "order", "augmentation", "dropout")
            },
            "recipe": recipe,
            "tuned": read_yaml(arguments.tuned) if arguments.tuned else None,
            "lr_find": read_json(arguments.lr_find) if arguments.lr_find else None,
            "n_train": len(train_set),
            "n_val": len(val_set),
            "classes": index.classes,
            "image_shape": list(images.shape[1:]),
            "parameters": count_parameters(trainer.model),
            "epochs": len(history),
            "kept_epoch": trainer.kept_epoch.epoch if status == "ok" else len(history),
            "train_seconds": training_seconds,
            "images_per_s": n_visited / training_seconds if history else None,
            "total_seconds": seconds,
            "gpu_energy_joules": energy,
            "device": device_name(device),
            "precision": "bf16" if trainer.bf16 else "fp32",
            "cuda_graph": trainer.recorded,
            "threads": arguments.threads,
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "peak_gpu_memory_mb": (
                round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
                if device.type == "cuda"
                else None
            ),
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "sha256": {"weights": file_digest(arguments.weights)},
            "parents": {path: file_digest(path) for path in parents},
            "images": {"train": train_digest, "val": val_digest},
            "initial_weights": trainer.initial_weights,
            "code": code,
            "repository": repository(),
            "versions": library_versions() | gpu_versions(device),
            "machine": machine(),
        },
    )
    if arguments.checkpoint:
        remove_checkpoints(arguments.checkpoint)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of the combo's partitions, .csv"
    )
    parser.add_argument("--recipe", required=True, help="resolved recipe, .yaml")
    parser.add_argument(
        "--lr-find", help="learning-rate search, .json, for a recipe that takes its rate from one"
    )
    parser.add_argument(
        "--tuned", help="keys to lay over the recipe, .yaml, such as the best ones of a search"
    )
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    device_options(parser)
    parser.add_argument(
        "--checkpoint",
        help="where to keep an unfinished training, and to go on from if it is there",
    )
    parser.add_argument(
        "--job", action="store_true", help="end when the workflow that started this ends"
    )
    parser.add_argument("--weights", required=True, help="weights to write, .safetensors")
    parser.add_argument("--history", required=True, help="table to write: a row an epoch, .csv")
    parser.add_argument(
        "--dynamics", help="statistics of each training image over the epochs to write, .npz"
    )
    parser.add_argument("--run", required=True, help="record of the run to write, .json")
    run_script(parser, main)
