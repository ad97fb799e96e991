include: "../inputs/audit.smk"


# On request: `snakemake verify` fails unless the study's files are what was recorded and its
# numbers follow from them. It has no outputs, so that it looks again each time, and no inputs:
# what was damaged is to be found, not to be worked on.
rule verify:
    log:
        "results/logs/verify.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        code=code("verify.py"),
        study=[
            *("--results", "results", "--config", WHOLE_CONFIG),
            *("--recipes", canonical({model: RECIPES[model] for model in MODELS})),
            *("--configfiles", *CONFIGFILES),
            *("--near-duplicates", "results/verification_near_duplicates.csv"),
            *("--output", "results/verification.csv"),
        ],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/verify.py"'
        " --code {params.code:q}"
        " {params.study:q}"
        " 2>&1 | tee {log:q}"


# On request: `snakemake certify` trains some runs again and says how closely they match.
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
        index="results/data/index.csv",
        splits=combo_splits,
        weights="results/certify/{combo}/{model}/seed{seed}/model.safetensors",
        run="results/certify/{combo}/{model}/seed{seed}/run.json",
    output:
        predictions="results/certify/{combo}/{model}/seed{seed}/predictions.npz",
        maps="results/certify/{combo}/{model}/seed{seed}/gradcam.npz",
    log:
        "results/logs/predict_again/{combo}/{model}/seed{seed}.log",
    cache: False


use rule probe as probe_again with:
    output:
        weights="results/certify/{combo}/{model}/seed{seed}/model.safetensors",
        history="results/certify/{combo}/{model}/seed{seed}/history.csv",
        dynamics="results/certify/{combo}/{model}/seed{seed}/dynamics.npz",
        run="results/certify/{combo}/{model}/seed{seed}/run.json",
        predictions="results/certify/{combo}/{model}/seed{seed}/predictions.npz",
        maps="results/certify/{combo}/{model}/seed{seed}/gradcam.npz",
    log:
        "results/logs/train_again/{combo}/{model}/seed{seed}.log",


rule certify:
    input:
        summary="results/summary.csv",
        index=INDEX,
        predictions=expand(
            "results/{part}/{run}/predictions.npz",
            part=["runs", "certify"],
            run=map(run_path, certified_runs()),
        ),
        records=expand(
            "results/{part}/{run}/{name}",
            part=["runs", "certify"],
            run=map(run_path, certified_runs()),
            name=["run.json", "history.csv"],
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
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/certify.py"'
        " --code {params.code:q}"
        " --runs {params.runs:q}"
        " --summary {input.summary:q}"
        " --index {input.index:q}"
        " --page {output.page:q}"
        " --output {output.table:q}"
        " 2>&1 | tee {log:q}"


# On request: `snakemake bundle` verifies the study and puts it into one file. It has no outputs, so
# that it does so each time.
rule bundle:
    input:
        record="results/study.json",
    log:
        "results/logs/bundle.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        code=code("bundle.py"),
        verify=rules.verify.params.code,
        study=rules.verify.params.study,
        configfiles=CONFIGFILES,
        to=["--output", "study.tar.gz"],
    shell:
        '( "$STUDY_PYTHON" "$STUDY_SCRIPTS/verify.py"'
        " --code {params.verify:q}"
        " {params.study:q}"
        ' && "$STUDY_PYTHON" "$STUDY_SCRIPTS/bundle.py"'
        " --code {params.code:q}"
        " --configfiles {params.configfiles:q}"
        " {params.to:q} )"
        " 2>&1 | tee {log:q}"


# On request: `snakemake push` verifies and bundles the study as `snakemake bundle` does, and sends
# it to the storage that the configuration names.
use rule bundle as push with:
    input:
        record="results/study.json",
        storage=storage_to_push,
    log:
        "results/logs/push.log",
    localrule: True
    conda:
        "../../envs/storage.yaml"
    params:
        to=["--storage", config["storage"]],


# On request, in a clone that has no results: `snakemake pull` gets what was pushed. It has no
# outputs, so Snakemake keeps no records of its own while it unpacks those of the study.
rule pull:
    input:
        storage=storage_to_pull,
    log:
        "results/logs/pull.log",
    localrule: True
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
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/unbundle.py"'
        " --code {params.code:q} {params.storage:q}"
        " 2>&1 | tee {log:q}"
