#!/usr/bin/env python
"""Exit with an error unless the results support all claims about the study, for use in continuous integration."""

import argparse

import pandas as pd

from study.errors import StudyError
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Read what was judged and say how it ended."""
    claims = pd.read_csv(arguments.claims).drop_duplicates("claim")
    missed = claims[claims["verdict"] != "supported"]
    if len(missed):
        listed = "; ".join(f"{row.claim} ({row.verdict})" for row in missed.itertuples())
        raise StudyError(
            f"{len(missed)} of {len(claims)} claims are not supported: {listed}; {arguments.claims} has the numbers"
        )
    print(f"all {len(claims)} claims are supported")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", required=True, help="judged claims, .csv")
    run_script(parser, main)
