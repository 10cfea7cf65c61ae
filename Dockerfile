# One image with both programs: relay-server (the default) and relay, the agent and command line.

FROM rust:1.95-bookworm AS build
# The image's own toolchain: rust-toolchain.toml also asks for components that only development needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package server --package agent \
    && cp target/release/relay-server target/release/relay /usr/local/bin/

FROM debian:bookworm-slim
# Certificates for destinations and servers of the internet.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /home/relay relay \
    # Volumes that are mounted here the first time take over owner and mode.
    && install -d -o relay -g relay -m 700 /data /data-2 /data-3 /run/relay \
       /secrets /secrets/init /secrets/nats /secrets/auth /secrets/api /secrets/ingress /secrets/dispatcher \
       /secrets/edge /secrets/agent
COPY --from=build /usr/local/bin/relay-server /usr/local/bin/relay /usr/local/bin/
USER relay
WORKDIR /home/relay
ENV RELAY_HTTP_ADDR=0.0.0.0:8080 RELAY_DATA_DIR=/data
EXPOSE 8080
ENTRYPOINT ["relay-server"]
