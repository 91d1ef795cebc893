# One image for every service. Plain syntax: builds with the legacy builder and with BuildKit.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /src
RUN python3 -m venv /opt/inferbus \
    && /opt/inferbus/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir \
        --target /opt/uv "uv==${UV_VERSION}"
COPY requirements.lock ./
# --require-hashes: what runs is what was locked, byte for byte.
RUN PYTHONPATH=/opt/uv python3 -m uv pip install --quiet --no-cache \
        --python /opt/inferbus/bin/python --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY schemas schemas
COPY bus bus
COPY ingest ingest
COPY consumers consumers
COPY inferbus inferbus
RUN PYTHONPATH=/opt/uv python3 -m uv pip install --quiet --no-cache \
        --python /opt/inferbus/bin/python --no-build-isolation --no-deps . \
    && rm -rf /opt/inferbus/lib/python3*/site-packages/pip*

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="inferbus" \
      org.opencontainers.image.description="The endpoint for inference webhooks" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 inferbus \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin inferbus \
    && install -d -o inferbus -g inferbus -m 0750 /data /data/blobs /data/spool
COPY --from=build /opt/inferbus /opt/inferbus
COPY deploy/init /usr/local/bin/inferbus-init
ENV PATH=/opt/inferbus/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    INFERBUS_DATA_DIR=/data \
    INFERBUS_LOG__FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME ["/data", "/data/blobs", "/data/spool"]
EXPOSE 8080 8081 8082 8083
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=6 CMD ["inferbus", "health"]
ENTRYPOINT ["inferbus"]
CMD ["ingest"]
