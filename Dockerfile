# The image of every process of the ledger; the command is given by docker-compose.yml, or on the command line.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/csat-ledger
COPY pyproject.toml README.md constraints.txt ./
COPY ledger ledger
COPY projections projections
COPY consumers consumers
COPY console console
COPY client client
RUN /opt/csat-ledger/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt \
    ./client '.[postgres,kafka,service,http,proof,otel,webhooks]'

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ledger
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/csat-ledger/webhook-secrets
COPY --from=build /opt/csat-ledger /opt/csat-ledger
ENV PATH=/opt/csat-ledger/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
ENTRYPOINT ["csat-ledger"]
CMD ["--help"]
