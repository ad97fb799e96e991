# What planning costs Snakemake itself: four rules per run, with as many inputs, outputs and logs as
# the study's, that do nothing and that no job reads all of.
#   snakemake -n --quiet all --snakefile tests/benchmarks/empty_rules.smk --cores 1 \
#     --scheduler greedy --config n_runs=10000
import gc

# As in the study's own rules.
gc.set_threshold(50_000, 20, 100)


def files(rule, n):
    return [f"{rule}/{{run}}/{number}" for number in range(n)]


rule all:
    input:
        expand(
            "{rule}/{run}/0",
            rule=["draw_run"],
            run=range(config["n_runs"]),
        ),


rule train:
    output:
        files("train", 4),
    log:
        "logs/train/{run}",
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        code="0",
    shell:
        "touch {output} {params.code} {log}"


rule predict:
    input:
        files("train", 2),
    output:
        files("predict", 2),
    log:
        "logs/predict/{run}",
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        code="0",
    shell:
        "touch {output} {params.code} {log}"


rule measure:
    input:
        files("predict", 1),
    output:
        files("measure", 4),
    log:
        "logs/measure/{run}",
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code="0",
    shell:
        "touch {output} {params.code} {log}"


rule draw_run:
    input:
        files("train", 2),
        files("predict", 2),
        files("measure", 2),
    output:
        files("draw_run", 4),
    log:
        "logs/draw_run/{run}",
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code="0",
    shell:
        "touch {output} {params.code} {log}"
