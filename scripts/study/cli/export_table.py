"""Write all images of a study as one table, with labels, predictions and scores."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.data.index import Index, read_duplicates, read_index
from study.errors import StudyError
from study.files import atomic_path, read_json, with_home, write_text
from study.hardness.ranking import read_ranking
from study.runs.predictions import ROLE_CODES
from study.runs.run import Run
from study.runs.tree import ResultsTree

TABLES = ("csv", "parquet")


def write_images(tree: ResultsTree, run: Run, form: str, output: Path) -> str:
    """Write the table, and return in words what is in it.

    Args:
        tree: results of a finished study.
        run: whose predictions it has.
        form: one of `TABLES`.
        output: file to write.

    Raises:
        StudyError: the study is not finished, or pyarrow is missing.
    """
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise StudyError("a Parquet file needs pyarrow (pip install pyarrow); or take --format csv")
    if not tree.hard_examples.is_file():
        raise StudyError(f"there is no {tree.hard_examples}; let Snakemake make the study first")
    index = read_index(tree.labels)
    table = images_table(tree, index, run)
    if form == "parquet":
        with atomic_path(output) as temporary:
            table.to_parquet(temporary, index=False)
    else:  # by the mark at its beginning a spreadsheet knows that it is UTF-8
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_text(output, f"\ufeff{text}")
    n_files = int((table["filepath"] != "").sum())
    advice = "" if n_files else "; `snakemake images` makes files of the images"
    return (
        f"{output}: {len(table):,} images, with the predictions of {run.name}; "
        f"{n_files:,} with the path of their file{advice}"
    )


def images_table(tree: ResultsTree, index: Index, run: Run) -> pd.DataFrame:
    """Return one row per image by image_id.

    `filepath`, `label`, then what hard_examples.csv says, then what the run says. Of a study with
    corrections `given_label` and `left_out` too.
    """
    scores = read_ranking(tree.hard_examples, len(index.labels))
    scores = scores.sort_values("image_id", ignore_index=True)
    table = scores.rename(columns={"class": "label"})
    table.insert(1, "filepath", _files(tree, index))
    names = np.array(index.classes)
    if index.given is not None:
        table.insert(table.columns.get_loc("label") + 1, "given_label", names[index.given])
        table["left_out"] = index.left_out
    said = run.predictions().without(index.left_out)
    pairs = tree.near_duplicates
    may_judge = said.may_judge(read_duplicates(pairs) if pairs.is_file() else None)
    p = np.exp(said.log_probabilities())
    roles = {code: role for role, code in ROLE_CODES.items()}
    return table.assign(
        predicted=names[p.argmax(axis=1)],
        confidence=p.max(axis=1),
        p_label=p[np.arange(len(p)), index.labels],
        role=[roles[code] for code in said.roles.tolist()],
        may_judge=may_judge,
    )


def _files(tree: ResultsTree, index: Index) -> list[str]:
    """Return the absolute path of each image's file, "" where there is none.

    That of your own image, else that which `snakemake images` makes.
    """
    asked = read_json(tree.study)["config"]["dataset"] if tree.study.is_file() else {}
    folders = {split: _folder(asked, split) for split in ("train", "test")}

    def of_image(image_id: int) -> str:
        own = folders[str(index.source_split[image_id])]
        name = index.classes[index.labels[image_id]]
        made = tree / "images" / name / f"{image_id:05d}.png"
        places = [own / index.files[image_id]] if own else []
        return next((str(path.resolve()) for path in (*places, made) if path.is_file()), "")

    return [of_image(image_id) for image_id in range(len(index.labels))]


def _folder(dataset: dict[str, Any], split: str) -> Path | None:
    """Return where your own images of a split lie, if there are such."""
    path = dataset.get("test_path" if split == "test" else "path")
    if not path:
        return None
    place = with_home(path)
    return place.parent if dataset["name"] == "csv" else place
