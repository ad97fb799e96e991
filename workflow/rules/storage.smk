# On request: `snakemake push` verifies and bundles the study as `snakemake bundle` does, and sends it to the storage that the configuration names.
use rule bundle as push with:
    input:
        summary="results/summary.csv",
        duplicates="results/data/near_duplicates.csv",
        storage=storage_to_push,
    log:
        "results/logs/push.log",
    conda:
        "../../envs/storage.yaml"
    params:
        to=["--storage", config["storage"]],


# On request, in a clone that has no results: `snakemake pull` gets what was pushed. It has no outputs, so Snakemake keeps no records of its own while it unpacks
# those of the study.
rule pull:
    input:
        storage=storage_to_pull,
    log:
        "results/logs/pull.log",
    conda:
        "../../envs/storage.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=code("unbundle.py"),
        storage=config["storage"],
    shell:
        "python scripts/unbundle.py --code {params.code} {params.storage:q} 2>&1 | tee {log}"


# They need the network, which computing nodes often lack.
localrules:
    push,
    pull,
