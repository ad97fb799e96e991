#!/usr/bin/env python
"""Write down the recipe that a study really uses: the recipe file with the study's overrides."""

import argparse
import json

from study.config.recipes import recipe_text, with_taken_weights
from study.files import read_json, write_text
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the resolved recipe as YAML."""
    recipe = json.loads(arguments.recipe)
    if arguments.weights:
        recipe = with_taken_weights(recipe, arguments.weights, read_json(arguments.taken))
    write_text(arguments.output, recipe_text(recipe))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", required=True, help="the resolved recipe as JSON")
    parser.add_argument("--weights", help="weights to start from, .safetensors")
    parser.add_argument("--taken", help="record of these weights, .json")
    parser.add_argument("--output", required=True, help="recipe to write, .yaml")
    run_script(parser, main)
