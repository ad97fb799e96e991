rule list_runs:
    output:
        runs="results/runs.csv",
    log:
        "results/logs/list_runs.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("list_runs.py"),
        combos=COMBOS,
        models=MODELS,
        seeds=SEEDS,
    shell:
        "python scripts/list_runs.py --combos {params.combos} --models {params.models} --seeds {params.seeds}"
        " --output {output.runs} > {log} 2>&1"


rule find_hard_examples:
    input:
        runs="results/runs.csv",
        predictions=expand(
            "results/runs/{combo}/{model}/seed{seed}/predictions.npz",
            combo=COMBOS,
            model=MODELS,
            seed=SEEDS,
        ),
        index="results/data/index.csv",
        images="results/data/images.npy",
        partitions=expand("results/partitions/{partition}.csv", partition=PARTITIONS),
    output:
        table="results/hard_examples.csv",
        page=report(
            "results/hard_examples.html",
            caption="../report/hard_examples.rst",
            category="Hard examples",
            labels={"table": "hardest images"},
        ),
    log:
        "results/logs/find_hard_examples.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("find_hard_examples.py"),
    shell:
        "python scripts/find_hard_examples.py --runs {input.runs} --folder results/runs --index {input.index}"
        " --images {input.images} --partitions {input.partitions} --output {output.table} --page {output.page}"
        " > {log} 2>&1"


# The summary comes last: it waits for the hard examples and for every figure of the runs and models, though it reads only metrics.
rule summarize:
    input:
        runs="results/runs.csv",
        metrics=expand(
            "results/runs/{combo}/{model}/seed{seed}/metrics.json",
            combo=COMBOS,
            model=MODELS,
            seed=SEEDS,
        ),
        records=expand(
            "results/runs/{combo}/{model}/seed{seed}/run.json",
            combo=COMBOS,
            model=MODELS,
            seed=SEEDS,
        ),
        hard_examples="results/hard_examples.html",
        models=expand("results/models/{model}/layers.html", model=MODELS),
        searches=searches(),
        reproduction=reproduction_of_the_study(),
        tuning=expand(
            "results/tune/{combo}/{model}/seed{seed}/trials.svg",
            combo=COMBOS,
            model=config["tune"],
            seed=SEEDS,
        ),
    output:
        summary="results/summary.csv",
        groups="results/summary_by_group.csv",
        page=report(
            "results/summary.html",
            caption="../report/summary.rst",
            category="Results",
            labels={"item": "all runs, table"},
        ),
        figure=report(
            "results/figures/accuracy_by_combo.svg",
            caption="../report/accuracy_by_combo.rst",
            category="Results",
            labels={"item": "accuracy by combo, figure"},
        ),
    log:
        "results/logs/summarize.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("summarize.py"),
    shell:
        "python scripts/summarize.py --runs {input.runs} --folder results/runs --groups {output.groups}"
        " --page {output.page} --figure {output.figure} --output {output.summary} > {log} 2>&1"
