#!/usr/bin/env python
"""Record what a study was: configuration, code, data, runs, machines, times and energy."""

import argparse
import json
from pathlib import Path

from study.audit.coverage import files_of_runs
from study.audit.manifest import study_manifest
from study.audit.provenance import repository
from study.code import digests_of_scripts
from study.files import file_digest, read_json, write_json
from study.job import run_script
from study.runs.run import read_runs


def main(arguments: argparse.Namespace) -> None:
    """Write the record."""
    config, runs = json.loads(arguments.config), read_runs(arguments.runs)
    # By their paths in the project, also where a job reads copies of them that lie elsewhere.
    project = Path(arguments.runs).parents[1]
    paths = [*map(Path, arguments.files), *files_of_runs(runs, config["figures"]["runs"])]
    files = {path.relative_to(project).as_posix(): file_digest(path) for path in paths}
    # Those of the large array and of its table are recorded where they were made.
    files |= {
        Path(arguments.data).with_name(name).relative_to(project).as_posix(): digest
        for name, digest in read_json(arguments.data)["sha256"].items()
    }
    code = digests_of_scripts(Path(__file__).parent)
    write_json(
        arguments.output,
        study_manifest(config, runs, files, code, repository(), arguments.configfiles),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument(
        "--configfiles", nargs="*", default=[], help="files given with --configfile"
    )
    parser.add_argument("--runs", required=True, help="list of runs, .csv, beside the folder runs")
    parser.add_argument("--data", required=True, help="manifest of the images, .json")
    parser.add_argument(
        "--files", required=True, nargs="+", help="further files whose digests are recorded"
    )
    parser.add_argument("--output", required=True, help="record to write, .json")
    run_script(parser, main)
