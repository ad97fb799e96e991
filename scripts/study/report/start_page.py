"""The start page of a study's report, as reStructuredText: what was asked, found and done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import yaml

from study.config.imports import model_names
from study.config.partition_checks import has_external_test
from study.config.probes import is_probe
from study.data.folds import ROLES, shares
from study.data.names import OFFICIAL
from study.report.findings import Finding
from study.report.imported import imported_note
from study.report.rst import heading, listed, literal, plain, table
from study.runs.run import n_of
from study.wording import counted, duration

FINDINGS = "Main findings"
_HOW_TO_READ = """\
The chapters in the menu hold the figures and tables. The circled i beside each explains what it
shows and how it was computed. The gallery is a page of its own, gallery.html in the folder results:
it shows every image that some run got wrong, with what each run says of it."""


def start_page(
    title: str, question: str, findings: Sequence[Finding], sections: Mapping[str, str]
) -> str:
    """Return the page: title, question, findings with links to their chapters, other sections.

    Args:
        title: of the page.
        question: what the study asks.
        findings: most important first.
        sections: reStructuredText by heading, such as the functions of this module return.

    Returns:
        reStructuredText, of which `study.report.shown_page` shows what this module writes.
    """
    items = "\n".join(
        f"- **{plain(one.subject)}.** {plain(one.text)} (`{one.chapter} <#{quote(one.chapter)}>`__)"
        for one in findings
    )
    parts = [
        heading(title, "="),
        plain(question),
        _HOW_TO_READ,
        heading(FINDINGS),
        items,
    ]
    for name, text in sections.items():
        parts += [heading(name), text]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


_BESIDE = (
    "official divides all images once more, as their publisher did. Runs on it have trained on "
    "images of the common test, and runs on partitions on images of its test. So it is scored on "
    "its own test, and not compared with combos of partitions."
)
_BESIDE_EXTERNAL = (
    "official trains on all images but your test images, so on images of the common test too. It "
    "is compared with other combos by external_test_accuracy alone."
)
_EXTERNAL = (
    "Your test images are in no partition: no run that was trained here saw them, and "
    "external_test_accuracy says how each run does there. Near-duplicates of training images among "
    "them count too."
)
_DESIGN = (
    "A combo's split is the union of its partitions' splits, so no test image of a run on "
    "partitions is a training image of another one with the same seed.",
    "Compare combos of partitions on the common test, the union of all partitions' test splits: "
    "every run of a seed on any of them is scored on the same images.",
    "Intervals of differences say what other seeds would give on these images (Student's t), "
    "except where they say otherwise.",
    "An image's hardness is judged only by runs that neither trained nor validated on it or on a "
    "near-duplicate.",
)
_MODELS = (
    "model",
    "architecture",
    "parameters",
    "epochs",
    "batch",
    "optimizer",
    "precision",
    "training, all runs",
)


def design(
    config: Mapping[str, Any], records: Sequence[Mapping[str, Any]], statuses: Sequence[str]
) -> str:
    """Return what was trained on what and how it is compared.

    Args:
        config: of the study.
        records: content of every run's `run.json`, and its `model`.
        statuses: what measuring each of these runs came to. A training may end well whose answers
            are no numbers: that run diverged.
    """
    n_runs = n_of(sum(status != "diverged" for status in statuses), len(statuses))
    asked = config | {"models": model_names(config)}
    names = [
        f"{key[:-1] if len(asked[key]) == 1 else key} {', '.join(map(str, asked[key]))}"
        for key in ("combos", "models", "seeds")
    ]
    external = has_external_test(config)
    beside = OFFICIAL in config["combos"] and len(config["combos"]) > 1
    texts = [
        f"{n_runs}: {'; '.join(names)}.",
        f"{_split(config['split'])} {_DESIGN[0]}",
        *_DESIGN[1:],
        *([_EXTERNAL] if external else []),
        *([_BESIDE_EXTERNAL if external else _BESIDE] if beside else []),
    ]
    texts += [start for model in model_names(config) if (start := started(model, records))]
    rows = []
    for model in model_names(config):
        of_model = [record for record in records if record["model"] == model]
        first = of_model[0]
        if "imported" in first:
            rows.append((model, "imported", *["unknown"] * 6))
            continue
        seconds = sum(record["train_seconds"] for record in of_model)
        rows.append(
            (
                model,
                first["recipe"]["architecture"]["name"],
                f"{first['parameters']:,}",
                _range(record["epochs"] for record in of_model),
                first["recipe"].get("batch_size", "all"),
                first["recipe"].get("optimizer", {"name": "none"})["name"],
                first["precision"],
                duration(seconds),
            )
        )
    return f"{listed(texts)}\n\n{table(_MODELS, rows)}"


def _split(split: Mapping[str, Any]) -> str:
    """Return how each partition is divided."""
    ratios = shares(split)
    if folds := split.get("folds", 0):
        return (
            f"Each partition is divided into {folds} folds. Each seed tests on one of them, and "
            f"draws {ratios['train']:.3g} / {ratios['val']:.3g} of the partition for training and "
            f"validation from the others. {folds} seeds together test each image once."
        )
    parts = " / ".join(f"{ratios[role]:g}" for role in ROLES)
    return (
        f"Each partition is split {parts} into training, validation and test images, again for "
        "each seed."
    )


def started(model: str, records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what follows from what was trained elsewhere, None for a model without."""
    first = next(record for record in records if record["model"] == model)
    if "imported" in first:
        return imported_note(model, first)
    weights = first["recipe"].get("trained_weights")
    if not weights:
        return None
    head = f"{model} starts from weights that were trained elsewhere"
    varied = "its head, the order of the images and the augmentation"
    if is_probe(first["recipe"]):
        head = f"{model} reads features of {weights['file']}, whose weights were trained elsewhere"
        varied = "which images it is fitted to, and nothing else"
    train = first["recipe"].get("train", "all")
    part = "" if train == "all" else " Only its head was trained here; the rest is frozen."
    if isinstance(train, Mapping):
        part = f" Only its head and the last {train['last']} blocks were trained here."
    return (
        f"{head} (sha256 {weights['sha256'][:16]}…).{part} Images of this study may have been "
        f"among those that they were trained on, test images too. Its seeds vary {varied}, so its "
        "intervals leave out how such weights vary themselves."
    )


_TOGETHER = (
    "They have one role in all partitions, so no run on partitions trains on one and is tested on "
    "the other."
)
_GROUPS = (
    "groups of images that belong together. A group is in one partition and has one role there, so "
    "no run on partitions is tested on a group that it was trained on. Intervals over test images "
    "count groups."
)
_PARTED = (
    "A run may train on one and be tested on the other; snakemake verify says what accuracies are "
    "without such test images."
)


def data(
    manifest: Mapping[str, Any],
    partitions: Mapping[str, Any],
    n_train: Mapping[str, int],
    pairs: np.ndarray,
    problems: Mapping[str, int],
    together: bool,
) -> str:
    """Return what the images are and how they are divided.

    Args:
        manifest: content of `data/manifest.json`.
        partitions: record of each partition, by its name.
        n_train: number of training images by combo.
        pairs: int64, P×2; near-duplicates, by image_id.
        problems: how many of your own files could not be used, were converted …, by kind.
        together: near-duplicates have one role in the splits of partitions.
    """
    n, height, width, _ = manifest["images"]
    parts = []
    for name, part in partitions.items():
        counts = part["class_counts"].values()
        groups = f" in {part['groups']:,} groups" if "groups" in part else ""
        parts.append(f"{name} {part['size']:,}{groups} (of each class {_range(counts)})")
    lines = [
        f"{manifest['dataset']}: {n:,} images of {height}×{width} pixels, "
        f"{len(manifest['classes'])} classes ({', '.join(manifest['classes'])}).",
        f"Partitions, disjoint and drawn by class with seed {part['seed']}: {', '.join(parts)}.",
        f"Training images: {', '.join(f'{combo} {n:,}' for combo, n in n_train.items())}.",
        f"Nearly the same as another image: {counted(len(np.unique(pairs)), 'image')}, in "
        f"{counted(len(pairs), 'pair')}. {_TOGETHER if together else _PARTED}",
        f"sha256 of the decoded images: {manifest['sha256']['images.npy']}.",
    ]
    if "groups" in manifest:
        lines.insert(1, f"{manifest['groups']:,} {_GROUPS}")
    if problems:
        counts = ", ".join(f"{n:,} {kind}" for kind, n in problems.items())
        lines.append(f"Files with a note in data/problems.csv, which says why: {counts}.")
    return listed(lines)


def _range(values: Iterable[int]) -> str:
    low, *_, high = [*sorted(values)] * 2
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def computed_with(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the machines and the versions of libraries that the runs were trained with."""
    records = [record for record in records if "imported" not in record]
    if not records:
        return "All predictions were imported."
    machines = Counter(
        f"{record['device']}; {record['machine']['cpu']}, "
        f"{counted(record['machine']['cpus'], 'CPU')}, {record['machine']['system']} on "
        f"{record['machine']['architecture']}; {counted(record['threads'], 'thread')} a run"
        for record in records
    )
    versions = Counter(
        ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        for record in records
    )
    seconds = sum(record["total_seconds"] for record in records)
    memory = max(record["peak_memory_mb"] for record in records)
    return listed(
        [
            *(f"{text} ({counted(n, 'run')})." for text, n in (machines | versions).items()),
            f"All trainings together took {duration(seconds)} one after the other, with "
            f"validation; at most {memory:,.0f} MB of main memory each.",
        ]
    )


def again(configfiles: Sequence[str], repository: Mapping[str, Any], apart: bool = False) -> str:
    """Return the commands that make the study and its report.

    Args:
        configfiles: files given with `--configfile`.
        repository: what `study.audit.provenance.repository` says of the project.
        apart: the study has a folder of its own, outside the project's.
    """
    given = f" --configfile {' '.join(configfiles)}" if configfiles else ""
    commands = [
        *(["# In the project's folder:"] if apart else []),
        *([f"git checkout {repository['commit']}"] if repository["commit"] else []),
        "make setup && source .venv/bin/activate",
        *(["# In the study's folder, where its config/ and results/ are:"] if apart else []),
        f"snakemake --cores 4 --resources gpu=1{given}",
        f"snakemake --report{given}",
    ]
    note = (
        "On another machine, write this configuration into a file ``my_study.yaml`` and add "
        "``--configfile my_study.yaml``. The files that it names must be there too, such as images "
        "of your own with the digest above. A relative path counts from the folder in which you "
        "type the command. Each run's ``run.json`` holds its recipe, seeds, versions and the "
        "digest of its weights."
    )
    changed = "\n\nFiles of the project differed from that commit." if repository["dirty"] else ""
    return literal("\n".join(commands)) + changed + f"\n\n{note}"


def configuration(config: Mapping[str, Any]) -> str:
    """Return the configuration in full."""
    return literal(
        yaml.safe_dump(
            dict(config), default_flow_style=None, sort_keys=False, allow_unicode=True, width=100
        )
    )
