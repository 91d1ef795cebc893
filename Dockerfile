# One image for every service. Plain syntax: builds with the legacy builder and with BuildKit.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# --require-hashes: what runs is what was locked, byte for byte.
COPY deploy/build-tools.lock ./
RUN python3 -m pip install --quiet --no-compile --require-hashes -r build-tools.lock \
    && python3 -m venv --without-pip /opt/inferbus
COPY requirements.lock ./
# By uv: pip looks at each file that was ever published of a package, for a dozen seconds.
RUN python3 -m uv pip install --quiet --no-cache --python /opt/inferbus/bin/python \
        --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY schemas schemas
COPY bus bus
COPY ingest ingest
COPY consumers consumers
COPY inferbus inferbus
# Byte code by content, not by time, also of what the build has just used (-f): the same sources
# give the same image.
RUN python3 -m pip --python /opt/inferbus/bin/python install --quiet --no-compile \
        --no-build-isolation --no-deps . \
    && /opt/inferbus/bin/python -m compileall -f -q -j 0 --invalidation-mode unchecked-hash \
        /opt/inferbus/lib

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
# Asks the service that the container runs, by its own admin port.
HEALTHCHECK --interval=5s --timeout=10s --start-period=90s --retries=6 CMD ["inferbus", "health"]
ENTRYPOINT ["inferbus"]
CMD ["ingest"]
