#!/usr/bin/env python
"""Tell a chat, by its webhook, how a study ended.

The address is a secret, so it comes from the environment: STUDY_WEBHOOK.
"""

import argparse
import os
from pathlib import Path

from study.cli.notifications import how_it_stands, post
from study.errors import StudyError
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Post one message, or fail with one line."""
    url = os.environ.get("STUDY_WEBHOOK", "")
    if not url:
        raise StudyError(
            "STUDY_WEBHOOK is not set; export it as the address that takes messages, https://…"
        )
    post(url, f"{Path.cwd().name}: {arguments.outcome}. {how_it_stands(arguments.runs)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcome", required=True, help="how it ended, such as finished or failed")
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    run_script(parser, main)
