# Never built by the project's tests, which have no container engine. For the CPU; for NVIDIA cards add
# --build-arg TORCH=auto, or a version of CUDA such as cu128:
#   docker build -t partition-study .
#   docker run --rm -it -v "$PWD/results:/study/results" partition-study snakemake --configfile config/demo.yaml
FROM python:3.12-slim
ARG TORCH=cpu
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /study
COPY . .
RUN pip install --no-cache-dir uv && \
    uv pip install --system --no-cache --torch-backend "$TORCH" -e '.[storage,export,timm,tensorboard]'
# For a user without a name or a home, as `docker run --user` and OpenShift make it.
ENV HOME=/tmp USER=study
CMD ["bash"]
