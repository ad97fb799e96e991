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


def require_leak():
    """End with one line if no system is compared that split so that test images leaked."""
    require_reproduction()
    if not leaky_systems():
        sys.exit(
            "error: config: none of reproduce.systems has a split that leaks, so there is "
            "no results/leak.csv; add S0 or S1, or ask for results/reproduction.csv"
        )


def leak_splits(wildcards):
    """Return the splits from which the leak is measured: the study's and those drawn afresh."""
    require_leak()
    return expand(
        "results/splits/{partition}{suffix}/seed{seed}.csv",
        partition=[REPRODUCED[name]["leak"]["partition"] for name in leaky_systems()],
        suffix=["", AFRESH],
        seed=SEEDS,
    )


def leak_predictions(wildcards):
    """Return the predictions of the runs on these."""
    require_leak()
    return [
        f"results/runs/{combo}{suffix}/{REPRODUCED[name]['model']}/seed{seed}/predictions.npz"
        for name, suffix, seed in itertools.product(
            leaky_systems(), ("", AFRESH), SEEDS
        )
        for combo in REPRODUCED[name]["leak"]["combos"]
    ]
