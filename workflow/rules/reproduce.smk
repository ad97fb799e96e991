# On request: `snakemake reproduce`.
rule reproduce:
    input:
        "results/reproduction.csv",
        lambda wildcards: ["results/leak.csv"] if leaky_systems() else [],


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
        code=code("reproduce.py"),
        systems=list(REPRODUCED),
        seeds=SEEDS,
        tuned="--tuned" if config["reproduce"]["tuned"] else "",
    shell:
        "python scripts/reproduce.py"
        " --code {params.code}"
        " --published {input.published}"
        " --systems {params.systems}"
        " --seeds {params.seeds}"
        " {params.tuned}"
        " --results $(dirname {output.table})"
        " --page {output.page}"
        " --figure {output.figure}"
        " --output {output.table}"
        " > {log} 2>&1"


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
        suffix=AFRESH,
    shell:
        "python scripts/measure_leak.py"
        " --code {params.code}"
        " --published {input.published}"
        " --systems {params.systems}"
        " --seeds {params.seeds}"
        " --index {input.index}"
        " --results $(dirname {output.table})"
        " --suffix {params.suffix}"
        " --page {output.page}"
        " --output {output.table}"
        " > {log} 2>&1"
