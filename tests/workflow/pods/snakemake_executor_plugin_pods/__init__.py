"""An executor that runs each job as a pod: Kubernetes' command, in an empty folder."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

# As in the plugins for Kubernetes and AWS Batch, except the plugin of the storage, which is
# installed here.
common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
)


class Executor(RemoteExecutor):
    def run_job(self, job):
        folder = Path(tempfile.mkdtemp(prefix=f"{job.name}_", dir=os.environ["PODS"]))
        known = {
            name: os.environ[name] for name in ("PATH", "HOME", "NO_PROXY") if name in os.environ
        }
        with folder.with_suffix(".log").open("w") as log:
            process = subprocess.Popen(
                self.format_job_exec(job), shell=True, cwd=folder, env=known | dict(self.envvars()),
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        aux = {"process": process, "folder": folder}
        self.report_job_submission(
            SubmittedJobInfo(job=job, external_jobid=str(process.pid), aux=aux)
        )

    async def check_active_jobs(self, active_jobs):
        self.next_seconds_between_status_checks = 1
        for info in active_jobs:
            status = info.aux["process"].poll()
            if status is None:
                yield info
            elif status == 0:
                shutil.rmtree(info.aux["folder"])
                self.report_job_success(info)
            else:
                self.report_job_error(info, msg=info.aux["folder"].with_suffix(".log").read_text())

    def cancel_jobs(self, active_jobs):
        for info in active_jobs:
            info.aux["process"].terminate()
