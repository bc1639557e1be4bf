# The harness with what a live run needs. It has no LiteLLM, as docker-compose.yml has the gateway as a service of its own.
# EXTRAS=live,proxy adds it, for chains that the harness hosts itself. EXTRAS=lab is JupyterLab and the report's pages.
ARG PYTHON_IMAGE=python:3.12-slim
ARG TOXIPROXY_IMAGE=ghcr.io/shopify/toxiproxy:2.12.0

FROM ${TOXIPROXY_IMAGE} AS toxiproxy

FROM ${PYTHON_IMAGE} AS packages
ARG EXTRAS=live
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY scripts/install.sh scripts/
COPY docker/trim.sh docker/
# An empty package takes the place of ours: a change of our own code does not install everything again.
RUN mkdir harness incidents notebooks scenarios && touch harness/__init__.py \
 && UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 sh scripts/install.sh /opt/harness "$EXTRAS" \
 && sh docker/trim.sh /opt/harness

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/harness/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1
COPY --from=toxiproxy /toxiproxy /usr/local/bin/toxiproxy-server
COPY --from=packages /opt/harness /opt/harness
COPY pyproject.toml README.md LICENSE /src/
COPY incidents /src/incidents
COPY scenarios /src/scenarios
COPY notebooks /src/notebooks
COPY harness /src/harness
RUN python3 -m compileall -q /src/harness && mkdir /work && chown 1000:1000 /work
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["harness"]
CMD ["--help"]
