#!/usr/bin/env bash
# Plays a command with a docker daemon of its own and the image of the docker jail: .ci/docker.sh COMMAND...
#
# The daemon has its own socket, data and runtime folders below one temporary folder; it touches no network settings,
# and it is stopped by its number at the end. Nothing is pulled: the base image is made from this machine's Python.
# Where docker cannot be installed or started, the command is NOT played: a line says so, and the status is 0, or 1 with
# HEURESIS_DOCKER_REQUIRED=1. With DOCKER_HOST set, that daemon and its image are used instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin="${BIN:-.venv/bin}"

skip() {
    echo "SKIPPED, the docker jail was NOT tested: $1" >&2
    exit "${HEURESIS_DOCKER_REQUIRED:-0}"
}

if [ -n "${DOCKER_HOST:-}" ]; then
    exec "$@"
fi
[ "$(id -u)" = 0 ] || skip "starting a daemon needs root"

if ! command -v dockerd >/dev/null; then
    echo "Installing docker.io with apt."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables; } >/dev/null 2>&1 ||
        skip "docker.io cannot be installed with apt-get"
    command -v dockerd >/dev/null || skip "the package docker.io has no dockerd"
fi
if ! command -v docker >/dev/null; then # newer Debian releases have the client in a package of its own
    apt-get install -y -qq docker-cli >/dev/null 2>&1 || skip "docker-cli cannot be installed with apt-get"
fi

place=$(mktemp -d /tmp/daemon-XXXXXX)
daemon=
clean() {
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    awk -v place="$place/" 'index($5, place) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l || true
    rm -rf "$place"
}
trap clean EXIT

dockerd --data-root "$place/data" --exec-root "$place/exec" --pidfile "$place/pid" --host "unix://$place/socket" \
    --bridge none --iptables=false --ip-forward=false --ip-masq=false >"$place/log" 2>&1 </dev/null &
daemon=$!
export DOCKER_HOST="unix://$place/socket"
unset DOCKER_TLS_VERIFY DOCKER_CONTEXT

answers() {
    for _ in $(seq 120); do
        docker version >/dev/null 2>&1 && return 0
        kill -0 "$daemon" 2>/dev/null || return 1
        sleep 0.25
    done
    return 1
}
answers || skip "dockerd does not start: $(tail -n 3 "$place/log" | cut -c 1-400)"

"$bin/python" .ci/base_image.py | docker import - heuresis-base >/dev/null || skip "no base image could be imported"
docker run --rm --network none heuresis-base python3 -c 'print("a container runs")' ||
    skip "no container can be started on this machine"
"$bin/python" -m heuresis sandbox build-image --base heuresis-base --with scipy
"$@"
