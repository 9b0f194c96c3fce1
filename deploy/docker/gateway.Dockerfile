# The gateway; also Flower and the command line. From the root of the repository:
#   docker build -f deploy/docker/gateway.Dockerfile -t framelane-gateway:0.1.0 .
# PYTHON_IMAGE can name a digest: python@sha256:….
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/framelane
COPY pyproject.toml constraints.txt README.md LICENSE ./
# What it depends on, in a layer that changes seldom: an empty project of the same name asks for it.
RUN mkdir api workers shared client && \
    /opt/framelane/bin/pip install -c constraints.txt ".[api,client,flower]"
COPY api api
COPY workers workers
COPY shared shared
COPY client client
RUN /opt/framelane/bin/pip install --no-deps --force-reinstall .

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="framelane-gateway" \
      org.opencontainers.image.description="The front door of Framelane, a distributed job queue for vision work" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/framelane /opt/framelane
# A volume here is ours to write. Else nothing is written but to /tmp: the root file system can be read-only.
RUN install -d -o 10001 -g 10001 /var/lib/framelane
ENV PATH=/opt/framelane/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-P", "-m", "api.checkup"]
ENTRYPOINT ["framelane-gateway"]
CMD ["--host", "0.0.0.0", "--port", "8000"]
