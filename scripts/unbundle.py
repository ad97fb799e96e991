#!/usr/bin/env python
"""Put a bundled study into this copy of the project, in which nothing is then to be done."""

import argparse
from pathlib import Path

from study.audit.bundles import passing_bundle, read_bundle
from study.audit.provenance import repository
from study.audit.storage import open_storage
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Fetch the bundle if it is elsewhere, unpack it and say what to type next."""
    project = Path(arguments.project)
    if "://" in arguments.bundle:
        storage = open_storage(arguments.bundle)
        with passing_bundle(project) as path:
            storage.fetch(path)
            manifest = read_bundle(path, project, storage.bundle)
    else:
        manifest = read_bundle(arguments.bundle, project)
    made, here = manifest["repository"], repository()
    print(f"{arguments.bundle}: {len(manifest['files']):,} files, all as they were bundled")
    if made["commit"] != here["commit"]:
        print(
            f"made by commit {made['commit'] or 'unknown'}, here is {here['commit'] or 'unknown'}: "
            "where the code differs Snakemake makes results again; for the same code "
            f"git checkout {made['commit']}"
        )
    elif made["dirty"]:
        print(
            "made by a copy of the project that differed from its commit: where the code differs "
            "Snakemake makes results again"
        )
    given = f" --configfile {' '.join(manifest['configfiles'])}" if manifest["configfiles"] else ""
    print(
        f"look at it: snakemake --dry-run{given}; snakemake --report{given}; snakemake "
        f"verify{given}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "bundle", help="what `snakemake bundle` wrote, .tar.gz, or where `snakemake push` sent it"
    )
    parser.add_argument(
        "--project", default=".", help="folder of the project (default: the current one)"
    )
    run_script(parser, main)
