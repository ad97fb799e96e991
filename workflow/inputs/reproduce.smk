# A resource of rules and not their input: where it lies is no part of what results depend on.
PUBLISHED = str(found_in(Path(), PROJECT, "config/published.yaml"))


def leaky_systems():
    """Return the compared systems whose splits leak."""
    return [name for name, system in REPRODUCED.items() if "leak" in system]


def require_reproduction():
    """End with one line if this study cannot be compared with the published figures."""
    if STUDY.why_not_comparable:
        sys.exit(f"error: config: {STUDY.why_not_comparable}")


def reproduction_inputs(wildcards):
    """Return the runs, models and searches that are compared."""
    require_reproduction()
    files = [
        f"results/runs/{combo}/{model}/seed{seed}/{name}"
        for (combo, model), seed in itertools.product(reproduced_runs(), SEEDS)
        for name in ("metrics.json", "run.json", "history.csv")
    ]
    for system in REPRODUCED.values():
        files.append(f"results/models/{system['model']}/layers.csv")
        files += [
            f"results/lr_find/{claim['combo']}/{system['model']}/seed{SEEDS[0]}/suggestion.json"
            for claim in system["claims"]
            if claim["measure"] == "lr_suggestion"
        ]
    return files


def leak_files(pattern):
    """Return an input function for the files from which the leak is measured."""

    def files(wildcards):
        require_reproduction()
        return [
            pattern.format(
                place=place + suffix, model=REPRODUCED[name]["model"], seed=seed
            )
            for name, suffix, seed in itertools.product(
                leaky_systems(), ("", AFRESH), SEEDS
            )
            for place in (
                REPRODUCED[name]["leak"]["combos"]
                if "{model}" in pattern
                else [REPRODUCED[name]["leak"]["partition"]]
            )
        ]

    return files
