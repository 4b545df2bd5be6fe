# The console in a container: docker build -t paddock . && docker run -p 8080:8080 -v paddock:/var/lib/paddock paddock
# The first start prints the first admin's password into the container's log.

FROM rust:1-bookworm AS build
RUN rustup target add wasm32-unknown-unknown
WORKDIR /src
COPY . .
ENV CARGO_TARGET_DIR=/target
# The language of the pages: docs/decisions/0033-strings-for-translation.md.
ARG PADDOCK_LANGUAGE=
RUN cargo xtask build

FROM debian:bookworm-slim
# For the sign-in by a provider, whose certificate is checked against these.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --home-dir /var/lib/paddock --create-home --shell /usr/sbin/nologin paddock \
    && chmod 700 /var/lib/paddock
COPY --from=build /target/release/paddock /usr/local/bin/paddock
COPY --from=build /target/site /usr/local/share/paddock
RUN paddock links /usr/local/share/paddock/bin --to /usr/local/bin/paddock
ENV PADDOCK_LISTEN=0.0.0.0:8080 \
    PADDOCK_STATE_DIR=/var/lib/paddock \
    PADDOCK_SITE_ROOT=/usr/local/share/paddock \
    PATH=/usr/local/share/paddock/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER paddock
VOLUME /var/lib/paddock
EXPOSE 8080
# A job is brought to the end of its step before the console ends.
STOPSIGNAL SIGTERM
HEALTHCHECK CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '^ok' <&3"]
CMD ["paddock", "serve"]
