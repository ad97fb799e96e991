#!/usr/bin/env python
"""Put a finished study into one file, to be taken elsewhere."""

import argparse
from pathlib import Path

from study.bundles import files_of_study, write_bundle
from study.command import run
from study.provenance import repository


def main(arguments: argparse.Namespace) -> None:
    """Write the bundle and say what it holds."""
    project = Path(arguments.project)
    facts = {"configfiles": arguments.configfiles, "repository": repository()}
    manifest = write_bundle(arguments.output, project, files_of_study(project, arguments.configfiles), facts)
    megabytes = Path(arguments.output).stat().st_size / 1e6
    print(
        f"{arguments.output}: {len(manifest['files']):,} files, {megabytes:,.1f} MB, read back and compared; elsewhere, in a clone of the project: "
        f"python scripts/unbundle.py {Path(arguments.output).name}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default=".", help="folder of the project (default: the current one)")
    parser.add_argument("--configfiles", nargs="*", default=[], help="files that were given with --configfile")
    parser.add_argument("--output", required=True, help="bundle to write, .tar.gz")
    run(parser, main)
