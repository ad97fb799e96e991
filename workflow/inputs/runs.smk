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
