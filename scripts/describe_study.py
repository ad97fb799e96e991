#!/usr/bin/env python
"""Write the start page of the study's report: what was found, and how."""

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study.audit.provenance import repository
from study.code import PROJECT
from study.config.partition_checks import keeps_together
from study.data.corrected import what_changed
from study.data.index import Index, read_index
from study.data.likely_groups import likely_groups
from study.data.names import OWN
from study.files import read_csv, read_json, read_table, write_text
from study.job import run_script
from study.report import start_page
from study.report.findings import Results, main_findings
from study.report.imported import imported_notes
from study.runs.run import RECALLS, Run, read_runs, training_sizes
from study.runs.tree import ResultsTree
from study.wording import counted

_QUESTION = (
    "How much do the data partition, the seed and the model matter, and which images stay hard "
    "whatever you do?"
)
_OF_IMAGES = [
    "image_id", "file", "class", "n_eligible", "n_comparable", "error_rate", "wrong_of_four",
    "kind", "cl_issue",
]  # fmt: skip
_OF_PAIRS = ["image_id", "other_id", "pixel_distance", "labels_differ"]


def outcomes(runs: Sequence[Run], n_train: Mapping[str, int]) -> pd.DataFrame:
    """Return one row per run: the status that measuring it came to, and what it reached.

    A training that ended well may still have learnt nothing, which its own record does not know.
    `accuracy` and `recall_<class>` are those on the common test where there is one, as in
    summary.csv.
    """
    rows = []
    for run in runs:
        common = run.metrics["common_test"]
        judged = common if common["n"] else run.metrics
        row = run.named | {"status": run.metrics["status"], "n_train": n_train[run.combo]}
        row["accuracy"] = judged["overall_accuracy"]
        # A class without images has no recall.
        row |= {
            f"recall_{name}": math.nan if recall is None else recall
            for name, recall in judged[RECALLS].items()
        }
        rows.append(row)
    return pd.DataFrame(rows)


def read_results(tree: ResultsTree, runs: pd.DataFrame, **optional: Any) -> Results:
    """Return the tables that the findings are read from; `optional` ones by path, None for none."""
    tables = {
        name: read_table(tree.comparison(name))
        for name in ("groups", "comparisons", "power", "variance", "scaling")
    }
    hardness = tree.hard_examples.with_suffix("")
    return Results(
        runs=runs,
        baselines=read_table(tree.baselines),
        reliability=read_table(hardness / "reliability.csv"),
        confusions=read_table(hardness / "confusions.csv"),
        hard_examples=read_table(tree.hard_examples, usecols=_OF_IMAGES),
        duplicates=read_table(tree.near_duplicates, usecols=_OF_PAIRS).astype(
            {"labels_differ": bool}
        ),
        **tables,
        **{name: read_table(path) for name, path in optional.items() if path},
    )


def with_corrections(results: Results, index: Index) -> Results:
    """Return the tables with what corrections changed, without images that are left out."""
    pairs, images = results.duplicates, results.hard_examples
    one, other = pairs[["image_id", "other_id"]].to_numpy(int).T
    differ = pairs.assign(labels_differ=index.labels[one] != index.labels[other])
    kept = differ[~(index.left_out[one] | index.left_out[other])]
    images = images[~index.left_out[images["image_id"].to_numpy(int)]]
    return results._replace(duplicates=kept, hard_examples=images, corrected=what_changed(index))


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    config, tree = json.loads(arguments.config), ResultsTree(Path(arguments.runs).parent)
    runs = read_runs(arguments.runs)
    n_train = training_sizes(runs)
    records = [run.record | {"model": run.model} for run in runs]
    results = read_results(
        tree,
        outcomes(runs, n_train),
        claims=arguments.claims,
        reproduction=arguments.reproduction,
        validation=arguments.validation,
    )
    results = results._replace(imported=imported_notes(runs))
    if arguments.corrected:
        results = with_corrections(results, read_index(arguments.corrected))
    manifest = read_json(tree.data_manifest)
    if manifest["dataset"] in OWN and "groups" not in manifest:
        of_class = zip(results.hard_examples["file"], results.hard_examples["class"], strict=True)
        results = results._replace(likely_groups=likely_groups(of_class))
    # A folder of your own is better known by its name.
    name = Path(config["dataset"]["path"]).name or config["dataset"]["name"]
    problems = Counter(row["kind"] for path in arguments.problems for row in read_csv(path))
    sections = {
        "Data": start_page.data(
            manifest | {"dataset": name},
            {Path(path).stem: read_json(path) for path in arguments.partitions},
            n_train,
            results.duplicates[["image_id", "other_id"]].to_numpy(),
            problems,
            keeps_together(config),
        ),
        "Design": start_page.design(config, records, results.runs["status"]),
        "Computed with": start_page.computed_with(records),
        "How to make it again": start_page.again(
            arguments.configfiles, repository(), apart=Path.cwd().resolve() != PROJECT
        ),
        "Configuration": start_page.configuration(config),
    }
    sizes = [counted(len(config[key]), key[:-1]) for key in ("combos", "models", "seeds")]
    title = f"{name}: {', '.join(sizes)}"
    findings = main_findings(results)
    write_text(arguments.output, start_page.start_page(title, _QUESTION, findings, sections))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument(
        "--configfiles", nargs="*", default=[], help="files that were given with --configfile"
    )
    parser.add_argument(
        "--runs", required=True, help="list of runs, .csv, in the folder of all results"
    )
    parser.add_argument("--claims", help="what the results say of claims, .csv")
    parser.add_argument("--reproduction", help="published figures and ours, .csv")
    parser.add_argument("--validation", help="hardness against people's judgements, .csv")
    parser.add_argument(
        "--corrected", help="table of all images with corrections, .csv; default: none"
    )
    parser.add_argument(
        "--problems",
        nargs="*",
        default=[],
        help="list of files that cannot be used or were converted, .csv",
    )
    parser.add_argument(
        "--partitions", required=True, nargs="+", help="records of the partitions, <name>.json"
    )
    parser.add_argument("--output", required=True, help="page to write, .rst")
    run_script(parser, main)
