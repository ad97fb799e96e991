import itertools


def reproduced_runs():
    """Return (combo, model) of each run that the comparison with published figures reads."""
    return [
        (combo, system[kind])
        for system in REPRODUCED.values()
        for kind in KINDS
        for combo in dict.fromkeys(
            claim["combo"] for claim in system["claims"] if "combo" in claim
        )
    ]


def why_not_reproduced():
    """Return why this study cannot be compared with the published figures, or None."""
    if not REPRODUCED:
        return "reproduce.systems is empty; write reproduce: {systems: [S0, S1]}"
    if DATASET["name"] != "cifar10" or DATASET["checksums"]:
        return "the published figures are of CIFAR-10; write dataset: {name: cifar10, checksums: ''}"
    for name, system in REPRODUCED.items():
        for partition, size in system.get("partitions", {}).items():
            if PARTITIONS.get(partition) != size:
                return (
                    f"{name} was measured on partition {partition} of {size} images; add it to 'partitions' or take {name} out of "
                    "reproduce.systems"
                )
    return None


def reproduction_inputs(wildcards):
    """Return the runs, models and searches that are compared; end with one line if there is nothing to compare."""
    reason = why_not_reproduced()
    if reason:
        sys.exit(f"error: config: {reason}")
    files = [
        f"results/runs/{combo}/{model}/seed{seed}/metrics.json"
        for (combo, model), seed in itertools.product(reproduced_runs(), SEEDS)
    ]
    for system in REPRODUCED.values():
        files.append(f"results/models/{system['model']}/layers.csv")
        files += [
            f"results/lr_find/{claim['combo']}/{system['model']}/suggestion.json"
            for claim in system["claims"]
            if claim["measure"] == "lr_suggestion"
        ]
    return files


def reproduction_of_the_study():
    """Return the comparison as an input of the summary, where it needs no other runs than the study has."""
    runs = set(itertools.product(COMBOS, MODELS))
    if why_not_reproduced() or not runs.issuperset(reproduced_runs()):
        return []
    return ["results/reproduction.csv"]


# On request: `snakemake reproduce`.
rule reproduce:
    input:
        "results/reproduction.csv",
        lambda wildcards: ["results/leak.csv"] if leaky_systems() else [],


def leaky_systems():
    """Return the compared systems whose splits leak."""
    return [name for name, system in REPRODUCED.items() if "leak" in system]


# Part of a study that has all its runs, too.
rule compare_published:
    input:
        published="config/published.yaml",
        results=reproduction_inputs,
    output:
        table="results/reproduction.csv",
        page=report(
            "results/reproduction.html",
            caption="../report/reproduction.rst",
            category="Reproduction",
            labels={"item": "published figures and ours, table"},
        ),
        figure=report(
            "results/figures/reproduction.svg",
            caption="../report/reproduction.rst",
            category="Reproduction",
            labels={"item": "published figures and ours, figure"},
        ),
    log:
        "results/logs/compare_published.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("reproduce.py"),
        systems=list(REPRODUCED),
        seeds=SEEDS,
    shell:
        "python scripts/reproduce.py --published {input.published} --systems {params.systems} --seeds {params.seeds}"
        " --results results --page {output.page} --figure {output.figure} --output {output.table} > {log} 2>&1"


rule measure_leak:
    input:
        published="config/published.yaml",
        index="results/data/index.csv",
        splits=lambda wildcards: [
            f"results/splits/{REPRODUCED[name]['leak']['partition']}{suffix}/seed{seed}.csv"
            for name, suffix, seed in itertools.product(
                leaky_systems(), ("", AFRESH), SEEDS
            )
        ],
        predictions=lambda wildcards: [
            f"results/runs/{combo}{suffix}/{REPRODUCED[name]['model']}/seed{seed}/predictions.npz"
            for name, suffix, seed in itertools.product(
                leaky_systems(), ("", AFRESH), SEEDS
            )
            for combo in REPRODUCED[name]["leak"]["combos"]
        ],
    output:
        table="results/leak.csv",
        page=report(
            "results/leak.html",
            caption="../report/leak.rst",
            category="Reproduction",
            labels={"item": "what splitting each combo afresh does, table"},
        ),
    log:
        "results/logs/measure_leak.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("measure_leak.py"),
        systems=leaky_systems(),
        seeds=SEEDS,
        suffix=AFRESH,
    shell:
        "python scripts/measure_leak.py --published {input.published} --systems {params.systems} --seeds {params.seeds}"
        " --index {input.index} --results results --suffix {params.suffix} --page {output.page} --output {output.table}"
        " > {log} 2>&1"
