# What the study was, for whoever asks later; the summary waits for it, and `verify` and `bundle` read it.
rule record_study:
    input:
        runs="results/runs.csv",
        records=of_all_runs("run.json"),
        metrics=of_all_runs("metrics.json"),
        data="results/data/manifest.json",
        files=[
            "results/partitions/manifest.json",
            *expand("results/partitions/{partition}.csv", partition=PARTITIONS),
            *expand(
                "results/splits/{partition}/seed{seed}.csv",
                partition=[*PARTITIONS, *{OFFICIAL}.intersection(COMBOS)],
                seed=SEEDS,
            ),
            "results/data/near_duplicates.csv",
            "results/hard_examples.csv",
            "results/comparisons/comparisons.csv",
        ],
    output:
        manifest="results/study.json",
    log:
        "results/logs/record_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("record_study.py"),
        config=WHOLE_CONFIG,
    shell:
        "python scripts/record_study.py --code {params.code} --config {params.config:q} --runs {input.runs} --folder $(dirname {input.runs})/runs"
        " --data {input.data} --files {input.files} --output {output.manifest} > {log} 2>&1"


# The report's start page. It reads what the summary reads, and the summary waits for it, so that it is there when the report is asked for.
rule describe_study:
    input:
        runs="results/runs.csv",
        records=of_all_runs("run.json"),
        comparisons="results/comparisons/groups.csv",
        tables=expand(
            "results/comparisons/{table}.csv",
            table=["comparisons", "power", "variance", "scaling"],
        ),
        hard_examples="results/hard_examples.csv",
        hardness=expand(
            "results/hard_examples/{table}.csv", table=["reliability", "confusions"]
        ),
        claims=["results/claims.csv"] if config["claims"] else [],
        reproduction=reproduction_of_the_study(),
        validation=["results/validation.csv"] if config["human_votes"] else [],
        data="results/data/manifest.json",
        partitions="results/partitions/manifest.json",
        duplicates="results/data/near_duplicates.csv",
        problems=problems_table(),
    output:
        page="results/overview.rst",
    log:
        "results/logs/describe_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("describe_study.py"),
        config=WHOLE_CONFIG,
        configfiles=given_configfiles(),
        optional=lambda wildcards, input: [
            f"--{name} {input[name]}"
            for name in ("claims", "reproduction", "validation")
            if input[name]
        ],
    shell:
        "python scripts/describe_study.py --code {params.code} --config {params.config:q} --configfiles {params.configfiles:q} --runs {input.runs}"
        " --folder $(dirname {input.runs})/runs --comparisons $(dirname {input.comparisons}) --hard-examples {input.hard_examples} {params.optional}"
        " --data {input.data} --partitions {input.partitions} --duplicates {input.duplicates} --problems {input.problems} --output {output.page} > {log} 2>&1"
