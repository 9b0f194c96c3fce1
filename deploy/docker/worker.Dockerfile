# Workers: targets cpu, gpu-nvidia, gpu-intel and npu. From the root of the repository:
#   docker build -f deploy/docker/worker.Dockerfile --target cpu -t framelane-worker:0.1.0-cpu .
# For `cpu`, point pip at an index with CPU builds of PyTorch: --build-arg PIP_EXTRA_INDEX_URL=…
# The images it is made from can be named by digest: python@sha256:….
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG DLSTREAMER_IMAGE=intel/dlstreamer:2026.2.0-ubuntu24

FROM ${PYTHON_IMAGE} AS python

# --- What Python needs, by target ---------------------------------------------------------------------------------

FROM python AS sources
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
# An empty project of the same name: what it depends on gets a layer that changes seldom.
RUN mkdir api workers shared client

FROM sources AS build-cpu
ARG PIP_EXTRA_INDEX_URL=
ARG ALLOW_CUDA=
RUN python -m venv /opt/framelane && \
    /opt/framelane/bin/pip install -c constraints.txt ".[worker,torch,openvino,nncf,mediapipe]"
RUN if [ -z "${ALLOW_CUDA}" ] && [ -n "$(find /opt/framelane -name 'nvidia_*.dist-info' -print -quit)" ]; then \
      echo "this index gave the CUDA build of PyTorch: set PIP_EXTRA_INDEX_URL to one with CPU builds, or ALLOW_CUDA=1" >&2; \
      exit 1; \
    fi
COPY api api
COPY workers workers
COPY shared shared
COPY client client
RUN /opt/framelane/bin/pip install --no-deps --force-reinstall .

FROM sources AS build-gpu-nvidia
ARG PIP_EXTRA_INDEX_URL=
RUN python -m venv /opt/framelane && \
    /opt/framelane/bin/pip install -c constraints.txt ".[worker,torch,openvino,mediapipe]"
COPY api api
COPY workers workers
COPY shared shared
COPY client client
RUN /opt/framelane/bin/pip install --no-deps --force-reinstall .

# DL Streamer's system has another Python: ours goes beside it, with bindings of GStreamer made for it.
FROM ${DLSTREAMER_IMAGE} AS dlstreamer
# hadolint ignore=DL3002
USER 0
COPY --from=python /usr/local/bin/python3.11 /usr/local/bin/python3.11
COPY --from=python /usr/local/lib/libpython3.11.so.1.0 /usr/local/lib/libpython3.11.so.1.0
COPY --from=python /usr/local/lib/python3.11 /usr/local/lib/python3.11
RUN ldconfig

FROM dlstreamer AS build-gpu-intel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# What the distribution has now is the newest with its fixes.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev libcairo2-dev libgirepository1.0-dev pkg-config && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY --from=sources /src .
RUN python3.11 -m venv /opt/framelane && \
    /opt/framelane/bin/pip install -c constraints.txt ".[worker,openvino,mediapipe]" "pygobject==3.50.0"
COPY api api
COPY workers workers
COPY shared shared
COPY client client
RUN /opt/framelane/bin/pip install --no-deps --force-reinstall .

# --- What the system needs ----------------------------------------------------------------------------------------

FROM dlstreamer AS gpu-intel
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="framelane-worker, Intel" \
      org.opencontainers.image.description="A worker of Framelane for Intel GPUs and NPUs, on DL Streamer" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends libegl1 libgirepository-1.0-1 libgl1 libgles2 && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 -g 10001 /var/lib/framelane
COPY --from=build-gpu-intel /opt/framelane /opt/framelane
ENV PATH=/opt/framelane/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    FRAMELANE_WORKER__DATA_DIR=/var/lib/framelane
WORKDIR /tmp
USER 10001:10001
VOLUME /var/lib/framelane
HEALTHCHECK --interval=60s --timeout=20s --start-period=600s --retries=3 CMD ["python", "-P", "-m", "workers.checkup"]
ENTRYPOINT ["framelane-worker"]

FROM gpu-intel AS npu

FROM python AS debian
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
      libegl1 libgl1 libgles2 libglib2.0-0 \
      gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
      gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-rtsp \
      python3-gi python3-gst-1.0 gir1.2-gst-plugins-base-1.0 && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 -g 10001 /var/lib/framelane
# Nothing is written but to /tmp and the data folder: the root file system can be read-only.
ENV PATH=/opt/framelane/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    FRAMELANE_WORKER__DATA_DIR=/var/lib/framelane
WORKDIR /tmp
USER 10001:10001
VOLUME /var/lib/framelane
HEALTHCHECK --interval=60s --timeout=20s --start-period=600s --retries=3 CMD ["python", "-P", "-m", "workers.checkup"]
ENTRYPOINT ["framelane-worker"]

FROM debian AS gpu-nvidia
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="framelane-worker, NVIDIA" \
      org.opencontainers.image.description="A worker of Framelane for NVIDIA GPUs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build-gpu-nvidia /opt/framelane /opt/framelane
# CUDA comes with PyTorch, the driver's libraries from the host through NVIDIA's container runtime.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM debian AS cpu
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="framelane-worker, CPU" \
      org.opencontainers.image.description="A worker of Framelane for CPUs, pipelines and downloads" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build-cpu /opt/framelane /opt/framelane
