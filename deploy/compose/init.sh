#!/bin/sh
# Makes what the services of compose.yaml need and must not share: for each service a directory
# /secrets/<service> (a volume of its own) with its certificate, its NATS password and, where it
# seals, the master key. What is there is kept, so it may run any number of times.
set -eu
umask 077

own=/secrets/init # the certificate authority and the originals; no service sees this volume
conf=${1:?the path of server.conf}

random() { head -c 32 /dev/urandom | base64 | tr -d '/+=\n'; }
once() { [ -s "$1" ] || "$2" >"$1"; } # a file that is made the first time
place() { cmp -s "$1" "$2" || { cp "$1" "$2.new" && mv "$2.new" "$2"; }; }

master_key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

relay-server make-certs --dir "$own/certs" \
  --name nats=nats,nats-2,nats-3,localhost \
  --name dispatcher=dispatcher,edge,localhost \
  --name api=api,edge,localhost
once "$own/master.key" master_key
for user in auth api ingress dispatcher sys; do
  once "$own/nats.$user" random
done

for service in nats auth api ingress dispatcher edge agent; do
  place "$own/certs/ca.pem" "/secrets/$service/ca.pem"
done
for service in nats dispatcher api; do
  place "$own/certs/$service.pem" "/secrets/$service/tls.pem"
  place "$own/certs/$service.key" "/secrets/$service/tls.key"
done
for service in auth api ingress dispatcher; do
  place "$own/nats.$service" "/secrets/$service/nats.password"
  place "$own/master.key" "/secrets/$service/master.key"
done
# The edge may run as another user; what it gets is no secret.
chmod 755 /secrets/edge
chmod 644 /secrets/edge/ca.pem

{
  for user in auth api ingress dispatcher sys; do
    name=$(echo "NATS_${user}_PASSWORD" | tr '[:lower:]' '[:upper:]')
    printf '%s: "%s"\n' "$name" "$(cat "$own/nats.$user")"
  done
  cat "$conf"
} >"$own/server.conf"
place "$own/server.conf" /secrets/nats/server.conf
# Where compose.ha.yaml adds two servers, the same with where the others are.
[ ! -f "${2:-}" ] || place "$2" /secrets/nats/cluster.conf
