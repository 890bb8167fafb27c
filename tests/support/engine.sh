# Sourced by tests/run: a Docker engine of the tests' own, beside whatever engine the machine has.
#
# It shares nothing with another dockerd: its data, its run-time directory, its socket and its bridge are its own,
# and it leaves the packet filter alone. (dockerd's `--bridge=none` would delete another engine's docker0.)

# The same cache directory gives the same name and network; two of them can run side by side.
engine_number=$(($(printf '%s' "$cache" | cksum | cut -d ' ' -f 1) % 256))
engine_bridge=rinit-tests$engine_number
engine_net=198.18.$engine_number.1/24 # from the block that is set aside for benchmarks
engine_mac=$(printf 02:52:49:4e:54:%02x "$engine_number")
engine_pidfile=$cache/docker.pid
engine_log=$cache/dockerd.log
engine_run=/run/rinit-engine$engine_number

# The shell's own `kill`: a small system has no other.
signal() { as_root sh -c 'kill "$@"' sh "$@" 2> /dev/null; }

# end_process PID: SIGTERM, and SIGKILL where that did not help within 20 seconds.
end_process() {
    signal -TERM "$1" || return 0
    for _ in $(seq 200); do
        signal -0 "$1" || return 0
        sleep 0.1
    done
    signal -KILL "$1" || true
}

# A run that was killed leaves its dockerd behind. Whoever holds the lock on the cache may end it.
end_leftover_engine() {
    local pid
    pid=$(as_root cat "$engine_pidfile" 2> /dev/null) || pid=
    if [ -n "$pid" ] && tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | grep -qF -- "--data-root $cache/docker "; then
        end_process "$pid"
    fi
    as_root rm -f "$engine_pidfile"
    remove_engine_run
}

# dockerd leaves its network namespaces mounted there.
remove_engine_run() {
    as_root sh -c 'umount "$1"/exec/netns/* 2> /dev/null; rm -rf "$1"' sh "$engine_run" || true
}

start_engine() {
    end_leftover_engine
    as_root mkdir -p "$engine_run"
    export DOCKER_HOST=unix://$engine_run/docker.sock
    as_root ip link add "$engine_bridge" type bridge 2> /dev/null || true
    as_root ip addr replace "$engine_net" dev "$engine_bridge"
    # With an address of its own it does not take that of another port whenever a container comes or goes: to the
    # containers that stay it would be gone for seconds.
    as_root ip link set "$engine_bridge" address "$engine_mac" up
    # The engine's own init is rinit, under the name that the engine knows; a copy, because the engine's directory may
    # be on another file system.
    as_root cp "$RINIT_BIN" "$engine_run/docker-init"
    # An empty file instead of /etc/docker/daemon.json: that one is the machine's.
    echo '{}' | as_root tee "$engine_run/daemon.json" > /dev/null

    # shellcheck disable=SC2016 # expanded by the inner shell
    as_root sh -c 'log=$1; shift; exec setsid "$@" > "$log" 2>&1' sh "$engine_log" \
        dockerd --config-file "$engine_run/daemon.json" --pidfile "$engine_pidfile" \
        --data-root "$cache/docker" --exec-root "$engine_run/exec" --host "$DOCKER_HOST" \
        --init-path "$engine_run/docker-init" \
        --bridge "$engine_bridge" --iptables=false --ip-forward=false --ip-masq=false < /dev/null 9>&- &

    for _ in $(seq 300); do
        if as_root docker version > /dev/null 2>&1; then
            remove_containers
            return
        fi
        sleep 0.1
    done
    as_root tail -n 40 "$engine_log" >&2
    echo "dockerd did not answer within 30 seconds" >&2
    return 1
}

remove_containers() {
    local containers
    containers=$(as_root docker ps --all --quiet)
    # shellcheck disable=SC2086 # a word per container
    [ -z "$containers" ] || as_root docker rm --force --volumes $containers > /dev/null
}

stop_engine() {
    local pid
    pid=$(as_root cat "$engine_pidfile" 2> /dev/null) || pid=
    if [ -n "$pid" ]; then
        remove_containers || true
        end_process "$pid"
    fi
    as_root ip link delete "$engine_bridge" 2> /dev/null || true
    remove_engine_run
}
