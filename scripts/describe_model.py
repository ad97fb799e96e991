#!/usr/bin/env python
"""Describe a model and its recipe: layers, learning rates, and what augmentation does to images."""

import argparse
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from study.config.recipes import complete_recipe, epochs_of
from study.data.index import Index, read_index
from study.data.splits import roles_of
from study.files import read_array, write_text
from study.job import run_script

if TYPE_CHECKING:
    from torch import nn

_COLUMNS, _ROWS = 10, 4


def main(arguments: argparse.Namespace) -> None:
    """Write the layers as page and table, the schedule, and the sheet of augmented images."""
    index = read_index(arguments.index)
    recipe = complete_recipe(arguments.recipe, arguments.lr_find)
    train_ids = roles_of(arguments.splits)["train"]
    # After the cheap checks: importing torch takes seconds.
    import torch

    from study.models.build import build_recipe_model

    images = read_array(arguments.images)
    torch.manual_seed(0)
    model = build_recipe_model(recipe, num_classes=len(index.classes), image_shape=images.shape[1:])
    write_layers(arguments, model, recipe, images.shape[1:])
    write_schedule(arguments, model, recipe, len(train_ids))
    write_augmentation(arguments, recipe, images, index, train_ids)


def write_layers(
    arguments: argparse.Namespace,
    model: "nn.Module",
    recipe: dict[str, Any],
    image_shape: tuple[int, int, int],
) -> None:
    """Write the layers of the network as page and table."""
    import pandas as pd

    from study.files import write_table
    from study.models.layers import describe_layers
    from study.models.receptive_field import NoField, receptive_fields
    from study.report.tables import html_page

    try:
        fields = receptive_fields(model)
        about_fields = (
            "The receptive field is the side of the square of input pixels that one place of the "
            "output depends on; the jump is the distance between the squares of neighbouring "
            "places."
        )
        if size := recipe.get("input_size"):
            about_fields += f" Its pixels are those of the image scaled to {size}×{size}."
    except NoField as error:
        fields, about_fields = {}, str(error)
    layers = pd.DataFrame(describe_layers(model, image_shape, fields))
    layers[["receptive_field", "jump"]] = layers[["receptive_field", "jump"]].astype("Int64")
    total, name = layers.iloc[-1], recipe["architecture"]["name"]
    heading = (
        f"{arguments.title}: {'' if name == arguments.title else name + ', '}"
        f"{total['parameters']:,} parameters, {total['multiply_adds'] / 1e6:,.1f} million "
        "multiply-adds an image"
    )
    description = (
        "Shapes are channels × height × width of the output for one image of "
        f"{image_shape[0]}×{image_shape[1]} pixels. {about_fields} Multiply-adds are those of "
        "convolutions and matrix products."
    )
    write_text(
        arguments.page, html_page(layers, heading, description, of="models/<model>/layers.csv")
    )
    write_table(arguments.table, layers)


def write_schedule(
    arguments: argparse.Namespace, model: "nn.Module", recipe: dict[str, Any], n_train: int
) -> None:
    """Write the learning rate and momentum of each training step, and a figure."""
    import pandas as pd

    from study.files import write_table
    from study.report.plots.models import schedule_figure
    from study.report.plots.style import save_figure
    from study.training.optimizers import make_optimizer
    from study.training.schedules import make_schedule, schedule_values

    steps = math.ceil(n_train / recipe["batch_size"])
    optimizer = make_optimizer(model, **recipe["optimizer"])
    epochs = epochs_of(recipe, steps)
    schedule = make_schedule(optimizer, steps_per_epoch=steps, epochs=epochs, **recipe["schedule"])
    values = schedule_values(optimizer, schedule, steps * epochs)
    table = pd.DataFrame(values, columns=["learning_rate", "momentum"])
    table.insert(0, "step", range(len(table)))
    table.insert(1, "epoch", table["step"] / steps + 1)
    write_table(arguments.rates, table, "%.8g")
    lowest, peak = values[:, 0].min(), values[:, 0].max()
    rates = f"{peak:.3g}" if lowest == peak else f"at most {peak:.3g}"
    figure = schedule_figure(
        values,
        steps,
        f"{arguments.title}: {recipe['schedule']['name']}, {rates}; {len(values):,} steps of "
        f"{recipe['batch_size']} images",
        "Adam's beta1" if "betas" in optimizer.param_groups[0] else "Momentum",
    )
    save_figure(figure, arguments.schedule)


def write_augmentation(
    arguments: argparse.Namespace,
    recipe: dict[str, Any],
    images: np.ndarray,
    index: Index,
    train_ids: np.ndarray,
) -> None:
    """Write the sheet of training images before and after augmentation."""
    import torch

    from study.report.plots.images import image_grid_figure
    from study.report.plots.style import save_figure
    from study.training.augment import Draw, augmented, make_transforms

    # The first training image of each class in turn.
    by_class = [train_ids[index.labels[train_ids] == label] for label in range(len(index.classes))]
    in_turn = [ids[turn] for turn in range(_COLUMNS) for ids in by_class if len(ids) > turn]
    shown = in_turn[:_COLUMNS]
    originals = torch.from_numpy(images[shown])
    generator = torch.Generator().manual_seed(0)
    transforms = make_transforms(recipe["augment"])
    rows = {"original": originals.numpy()}
    for epoch in range(1, _ROWS + 1 if recipe["augment"] else 1):
        draw = Draw(generator, torch.from_numpy(np.searchsorted(train_ids, shown)), epoch)
        rows[f"epoch {epoch}"] = (
            augmented(originals, transforms, draw).round().clamp(0, 255).byte().numpy()
        )
    changes = ", ".join(step["name"] for step in recipe["augment"])
    shows = f"is shown changed images: {changes}" if changes else "is shown the images as they are"
    labels = [index.classes[index.labels[i]] for i in shown]
    figure = image_grid_figure(rows, labels, f"{arguments.title} {shows}")
    save_figure(figure, arguments.augmentation)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits",
        required=True,
        nargs="+",
        help="splits whose training images are counted and shown, .csv",
    )
    parser.add_argument("--recipe", required=True, help="resolved recipe, .yaml")
    parser.add_argument(
        "--lr-find", help="learning-rate search, .json, for a recipe that takes its rate from one"
    )
    parser.add_argument("--title", required=True, help="name of the model")
    parser.add_argument("--page", required=True, help="page to write: the layers, .html")
    parser.add_argument(
        "--table",
        required=True,
        help="table to write: one row per layer, the whole as the last, .csv",
    )
    parser.add_argument(
        "--rates", required=True, help="table to write: one row per training step, .csv"
    )
    parser.add_argument(
        "--schedule",
        required=True,
        help="figure to write: learning rate and momentum, .svg or .png",
    )
    parser.add_argument(
        "--augmentation",
        required=True,
        help="figure to write: images before and after, .svg or .png",
    )
    run_script(parser, main)
