# One image for every role: docker run orderflow orderflow shipping
# Images, packages of Swift and of Python are of exact versions. Debian's are bookworm's newest: a build takes in its
# security updates.
FROM swift:6.3.1-bookworm AS build
RUN apt-get -q update && apt-get -q install -y --no-install-recommends \
        librdkafka-dev libpq-dev libcurl4-openssl-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY deploy/image/swift-packages.json Package.resolved
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --product orderflow --static-swift-stdlib --only-use-versions-from-resolved-file \
    && install -Ds "$(swift build -c release --show-bin-path)/orderflow" /out/orderflow

FROM debian:bookworm-20250811-slim
RUN apt-get -q update && apt-get -q install -y --no-install-recommends \
        librdkafka1 libpq5 libcurl4 libssl3 ca-certificates curl tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/orderflow orderflow \
    && install -d -o orderflow -g orderflow -m 700 /var/lib/orderflow/keys
COPY --from=build /out/orderflow /usr/local/bin/orderflow
COPY config/orderflow.yaml /etc/orderflow/orderflow.yaml
ENV ORDERFLOW_CONFIG=/etc/orderflow/orderflow.yaml
WORKDIR /var/lib/orderflow
USER orderflow
CMD ["orderflow", "--help"]
