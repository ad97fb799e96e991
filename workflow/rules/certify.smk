# On request: `snakemake certify` trains some runs once more and says how far they came out the same.
use rule train as train_again with:
    output:
        weights="results/certify/{combo}/{model}/seed{seed}/model.safetensors",
        history="results/certify/{combo}/{model}/seed{seed}/history.csv",
        dynamics="results/certify/{combo}/{model}/seed{seed}/dynamics.npz",
        run="results/certify/{combo}/{model}/seed{seed}/run.json",
    log:
        "results/logs/train_again/{combo}/{model}/seed{seed}.log",
    # From the cache it would be the first training's files, and always the same.
    cache: False
    params:
        checkpoint="results/scratch/train_again/{combo}/{model}/seed{seed}.pt",


use rule predict as predict_again with:
    input:
        images="results/data/images.npy",
        splits=combo_splits,
        weights="results/certify/{combo}/{model}/seed{seed}/model.safetensors",
        run="results/certify/{combo}/{model}/seed{seed}/run.json",
    output:
        predictions="results/certify/{combo}/{model}/seed{seed}/predictions.npz",
    log:
        "results/logs/predict_again/{combo}/{model}/seed{seed}.log",
    cache: False


rule certify:
    input:
        summary="results/summary.csv",
        index="results/data/index.csv",
        predictions=expand(
            "results/{part}/{run}/predictions.npz",
            part=["runs", "certify"],
            run=map(run_path, certified_runs()),
        ),
    output:
        table="results/certificates.csv",
        page="results/certificates.html",
    log:
        "results/logs/certify.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("certify.py"),
        runs=certified_runs(),
    shell:
        "python scripts/certify.py --code {params.code} --results $(dirname {output.table}) --runs {params.runs:q} --summary {input.summary} --index {input.index}"
        " --page {output.page} --output {output.table} 2>&1 | tee {log}"
