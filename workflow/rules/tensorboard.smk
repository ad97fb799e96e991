# On request: `snakemake tensorboard`. Made from the histories, so that no training knows of it, or runs again for it.
rule tensorboard:
    input:
        "results/tensorboard",


rule write_tensorboard:
    input:
        runs="results/runs.csv",
        histories=of_all_runs("history.csv"),
        records=of_all_runs("run.json"),
    output:
        folder=directory("results/tensorboard"),
    log:
        "results/logs/write_tensorboard.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code("write_tensorboard.py"),
    shell:
        "python scripts/write_tensorboard.py --code {params.code} --runs {input.runs} --folder $(dirname {input.runs})/runs --output {output.folder} 2>&1 | tee {log}"
