import functools
import sys

from study.config.views import looks
from study.files import read_json


def combo_splits(wildcards):
    """Return the splits that a run trains on."""
    return splits_of(wildcards.combo, wildcards.seed)


def tuned(wildcards):
    """Return the settings that tuning chose for a run as an input, if its model is tuned."""
    if wildcards.model not in config["tune"]:
        return []
    return [
        f"results/tune/{wildcards.combo}/{wildcards.model}/seed{wildcards.seed}/best.yaml"
    ]


def features_file(suffix):
    """Return an input function for a file of the features that a run's model is fitted on."""
    return lambda wildcards: (
        f"results/features/{features_of(RECIPES[wildcards.model])}{suffix}"
    )


def file_of_predictions(wildcards):
    """Return the file with the predictions of an imported run."""
    entry = imported_models(config)[wildcards.model]
    return predictions_file(entry, wildcards.combo, wildcards.seed)


@functools.cache
def note_once(text):
    """Print a note on standard error, the same one only once."""
    print(f"note: {text}", file=sys.stderr)


def digest_of_predictions(wildcards):
    """Return the sha256 of that file, or where it is gone of the one that was imported before.

    So a study that was bundled elsewhere is whole without the files. Ends with one line if there
    was none.
    """
    path = file_of_predictions(wildcards)
    if path.is_file():
        return content_of(path)
    run = expand(
        "results/runs/{combo}/{model}/seed{seed}/run.json", **dict(wildcards.items())
    )[0]
    with end_in_one_line():
        record = read_json(run) if Path(run).is_file() else {}
    # A recipe of this name may have trained it. Where it was made from another file, this one is
    # mistyped.
    entry = imported_models(config)[wildcards.model]
    before = imported_models(MADE_WITH or config).get(wildcards.model, entry)
    if "imported" in record and before["predictions"] == entry["predictions"]:
        note_once(f"{path} is not here; going on with what was imported from it")
        return record["imported"]["sha256"]
    sys.exit(
        f"error: config: models: {wildcards.model} has no predictions for {wildcards.combo} with "
        f"seed {wildcards.seed}: there is no file {path}; put it there, or write the path without "
        "{seed} or {combo} if one file serves all"
    )
