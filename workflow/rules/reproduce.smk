def leaky_systems():
    """Return the compared systems whose splits leak."""
    return [name for name, system in REPRODUCED.items() if "leak" in system]


# On request: `snakemake reproduce`.
rule reproduce:
    input:
        "results/reproduction.csv",
        lambda wildcards: ["results/leak.csv"] if leaky_systems() else [],


def require_reproduction():
    """End with one line if this study cannot be compared with the published figures."""
    if STUDY.why_not_comparable:
        sys.exit(f"error: config: {STUDY.why_not_comparable}")


def reproduction_inputs(wildcards):
    """Return the runs, models and searches that are compared."""
    require_reproduction()
    files = [
        f"results/runs/{combo}/{model}/seed{seed}/metrics.json"
        for (combo, model), seed in itertools.product(reproduced_runs(), SEEDS)
    ]
    for system in REPRODUCED.values():
        files.append(f"results/models/{system['model']}/layers.csv")
        files += [
            f"results/lr_find/{claim['combo']}/{system['model']}/seed{SEEDS[0]}/suggestion.json"
            for claim in system["claims"]
            if claim["measure"] == "lr_suggestion"
        ]
    return files


# Part of a study that has all its runs, too.
rule compare_published:
    input:
        published=local("config/published.yaml"),
        results=reproduction_inputs,
    output:
        table="results/reproduction.csv",
        page=report(
            "results/reproduction.html",
            caption="../report/reproduction.rst",
            category=chapter("Reproduction"),
            labels={"item": "published figures and ours, table"},
        ),
        figure=report(
            "results/figures/reproduction.svg",
            caption="../report/reproduction.rst",
            category=chapter("Reproduction"),
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
        code=code("compare_published.py"),
        systems=list(REPRODUCED),
        seeds=SEEDS,
        results=subpath(output.table, parent=True),
        tuned="--tuned" if config["reproduce"]["tuned"] else "",
    shell:
        "python scripts/compare_published.py"
        " --code {params.code:q}"
        " --published {input.published:q}"
        " --systems {params.systems:q}"
        " --seeds {params.seeds:q}"
        " {params.tuned:q}"
        " --results {params.results:q}"
        " --page {output.page:q}"
        " --figure {output.figure:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


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


rule measure_leak:
    input:
        published=local("config/published.yaml"),
        index="results/data/index.csv",
        splits=leak_files("results/splits/{place}/seed{seed}.csv"),
        predictions=leak_files(
            "results/runs/{place}/{model}/seed{seed}/predictions.npz"
        ),
    output:
        table="results/leak.csv",
        page=report(
            "results/leak.html",
            caption="../report/leak.rst",
            category=chapter("Reproduction"),
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
        results=subpath(output.table, parent=True),
        suffix=AFRESH,
    shell:
        "python scripts/measure_leak.py"
        " --code {params.code:q}"
        " --published {input.published:q}"
        " --systems {params.systems:q}"
        " --seeds {params.seeds:q}"
        " --index {input.index:q}"
        " --results {params.results:q}"
        " --suffix {params.suffix:q}"
        " --page {output.page:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"
