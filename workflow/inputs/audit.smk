from study.audit.storage import open_storage


def certified_runs():
    """Return the runs, as combo/model/seed, that are trained again to compare the results."""
    return config["certify"] or [
        f"{COMBOS[0]}/{model}/{SEEDS[0]}" for model in MADE_HERE
    ]


def run_path(name):
    """Return where below the folder of runs the one lies that is named as combo/model/seed."""
    return "{}/{}/seed{}".format(*name.split("/"))


def storage_to_push(wildcards):
    """End with one line unless the study can be sent to its storage.

    It does so before whatever the study still lacks is made.
    """
    with end_in_one_line():
        open_storage(config["storage"]).check()
    return []


def storage_to_pull(wildcards):
    """End with one line unless a study lies in the storage."""
    with end_in_one_line():
        open_storage(config["storage"]).insist_on_bundle()
    return []
