include: "../inputs/reproduce.smk"


# On request: `snakemake reproduce`.
rule reproduce:
    input:
        "results/reproduction.csv",
        lambda wildcards: ["results/leak.csv"] if leaky_systems() else [],


# Part of a study that has all its runs, too.
rule compare_published:
    input:
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
        published=PUBLISHED,
    params:
        code=code("compare_published.py"),
        published=digests(PUBLISHED),
        systems=list(REPRODUCED),
        seeds=SEEDS,
        results=subpath(output.table, parent=True),
        tuned="--tuned" if config["reproduce"]["tuned"] else "",
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/compare_published.py"'
        " --code {params.code:q}"
        " --published {resources.published:q}"
        " --systems {params.systems:q}"
        " --seeds {params.seeds:q}"
        " {params.tuned:q}"
        " --results {params.results:q}"
        " --page {output.page:q}"
        " --figure {output.figure:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


rule measure_leak:
    input:
        index=INDEX,
        splits=leak_splits,
        predictions=leak_predictions,
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
        published=PUBLISHED,
    params:
        code=code("measure_leak.py"),
        published=digests(PUBLISHED),
        systems=leaky_systems(),
        seeds=SEEDS,
        results=subpath(output.table, parent=True),
        suffix=AFRESH,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/measure_leak.py"'
        " --code {params.code:q}"
        " --published {resources.published:q}"
        " --systems {params.systems:q}"
        " --seeds {params.seeds:q}"
        " --index {input.index:q}"
        " --results {params.results:q}"
        " --suffix {params.suffix:q}"
        " --page {output.page:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"
