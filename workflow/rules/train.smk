# One thread: on a CPU, trainings side by side are faster than one with several threads, and a single thread adds up
# in the same order everywhere.
rule train:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=combo_splits,
        recipe="results/recipes/{model}.yaml",
        lr_find=lambda wildcards: search_of(
            wildcards.model, wildcards.combo, wildcards.seed
        ),
        tuned=tuned,
    output:
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        dynamics="results/runs/{combo}/{model}/seed{seed}/dynamics.npz",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
    log:
        "results/logs/train/{combo}/{model}/seed{seed}.log",
    cache: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=4000,
        runtime=240,
    params:
        code=code("train.py", by_model=True),
        wildcards=all_wildcards,
        checkpoint="results/scratch/train/{combo}/{model}/seed{seed}.pt",
        options=lambda wildcards, input: [
            f"--lr-find {path}" for path in input.lr_find
        ]
        + [f"--tuned {path}" for path in input.tuned],
    shell:
        "python scripts/train.py --code {params.code} --images {input.images} --index {input.index} --splits {input.splits}"
        " --recipe {input.recipe} {params.options} --seed {wildcards.seed} --gpus {resources.gpu} --threads {threads}"
        " --checkpoint {params.checkpoint} --job"
        " --weights {output.weights} --history {output.history} --dynamics {output.dynamics} --run {output.run} > {log} 2>&1"


rule predict:
    input:
        images="results/data/images.npy",
        splits=combo_splits,
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
    output:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
    log:
        "results/logs/predict/{combo}/{model}/seed{seed}.log",
    cache: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=3000,
        runtime=60,
    params:
        code=code("predict.py", by_model=True),
    shell:
        "python scripts/predict.py --code {params.code} --images {input.images} --splits {input.splits}"
        " --weights {input.weights} --run {input.run} --gpus {resources.gpu} --threads {threads}"
        " --output {output.predictions} > {log} 2>&1"
