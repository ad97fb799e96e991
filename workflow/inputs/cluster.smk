def check_device():
    """End with one line if planning and jobs would each look for a GPU on their own machine.

    Where jobs will run is not known before the workflow starts.
    """
    if workflow.non_local_exec and config["device"] == "auto":
        sys.exit(
            "error: config: device is auto, which looks for a GPU where Snakemake runs, but jobs "
            "run elsewhere; write 'device: cuda' to ask the cluster for one GPU a training, or "
            "'device: cpu'"
        )
