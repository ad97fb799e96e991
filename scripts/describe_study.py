#!/usr/bin/env python
"""Write the start page of the study's report: what was found, and how."""

import argparse
import json
from collections import Counter
from pathlib import Path

import pandas as pd

from study.audit.provenance import repository
from study.files import read_csv, read_json, write_text
from study.job import run_script
from study.report import start_page
from study.report.findings import Results, main_findings
from study.runs.legacy import read_runs, run_folder
from study.wording import counted

_NAMES = {"combo": str, "model": str, "within": str, "a": str, "b": str}


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    config = json.loads(arguments.config)
    listed = read_runs(arguments.runs)
    records = [
        {"combo": row.combo, "model": row.model}
        | read_json(run_folder(arguments.folder, row.combo, row.model, row.seed) / "run.json")
        for row in listed.itertuples()
    ]
    runs = listed.assign(
        **{key: [record[key] for record in records] for key in ("status", "n_train")}
    )
    folder, hard = Path(arguments.comparisons), Path(arguments.hard_examples)
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=_NAMES)
        for name in ("groups", "comparisons", "power", "variance", "scaling")
    }
    tables["reliability"] = pd.read_csv(hard.with_suffix("") / "reliability.csv")
    # A class may be called NA, or 007.
    tables["confusions"] = pd.read_csv(
        hard.with_suffix("") / "confusions.csv",
        dtype={"label": str, "consensus": str},
        keep_default_na=False,
    )
    optional = {
        name: pd.read_csv(path) if path else None
        for name, path in (
            ("claims", arguments.claims),
            ("reproduction", arguments.reproduction),
            ("validation", arguments.validation),
        )
    }
    images = pd.read_csv(
        hard,
        usecols=["image_id", "file", "n_eligible", "error_rate", "kind", "cl_issue"],
        dtype={"file": str},
    )
    pairs = pd.read_csv(
        arguments.duplicates, usecols=["image_id", "other_id", "pixel_distance", "labels_differ"]
    ).astype({"labels_differ": bool})
    findings = main_findings(
        Results(runs, **tables, hard_examples=images, duplicates=pairs, **optional)
    )
    # A folder of the user's own is better known by its name.
    name = Path(config["dataset"]["path"]).name or config["dataset"]["name"]
    sections = {
        "Data": start_page.data(
            read_json(arguments.data) | {"dataset": name},
            {Path(path).stem: read_json(path) for path in arguments.partitions},
            dict(zip(runs["combo"], runs["n_train"], strict=True)),
            pairs[["image_id", "other_id"]].to_numpy(),
            Counter(problem["kind"] for path in arguments.problems for problem in read_csv(path)),
        ),
        "Design": start_page.design(config, records),
        "Computed with": start_page.computed_with(records),
        "How to make it again": start_page.again(arguments.configfiles, repository()),
        "Configuration": start_page.configuration(config),
    }
    # Runs by earlier versions of the project did not record it.
    locks = {lock for record in records if (lock := record.get("repository", {}).get("lock"))}
    question = "How much do the data partition, the seed and the model matter, and which images stay hard whatever you do?"
    sizes = [counted(len(config[key]), key[:-1]) for key in ("combos", "models", "seeds")]
    title = f"{name}: {', '.join(sizes)}"
    write_text(arguments.output, start_page.start_page(title, question, findings, sections, locks))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument(
        "--configfiles", nargs="*", default=[], help="files that were given with --configfile"
    )
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument(
        "--comparisons", required=True, help="folder of what compare.py wrote, .csv"
    )
    parser.add_argument(
        "--hard-examples",
        required=True,
        help="scores of all images, .csv, beside a folder of its name without suffix",
    )
    parser.add_argument("--claims", help="what the results say of claims, .csv")
    parser.add_argument("--reproduction", help="published figures and ours, .csv")
    parser.add_argument("--validation", help="hardness against people's judgements, .csv")
    parser.add_argument("--data", required=True, help="manifest of the images, .json")
    parser.add_argument(
        "--problems",
        nargs="*",
        default=[],
        help="list of files that cannot be used or were converted, .csv",
    )
    parser.add_argument(
        "--partitions", required=True, nargs="+", help="records of the partitions, <name>.json"
    )
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument("--output", required=True, help="page to write, .rst")
    run_script(parser, main)
