# Sourced by tests/run after engine.sh: a second engine, the one node of a swarm, for the tests of orchestrators.
#
# A swarm makes networks and opens ports of its machine's, and Compose publishes some. So this engine and all of its
# containers live in a network namespace of their own: no port of the machine's is taken, and none is in the way. It
# reaches nothing outside; its images are carried over from the other engine.

swarm_pidfile=$cache/swarm/docker.pid
swarm_run=/run/rinit-swarm$engine_number
swarm_host=unix://$swarm_run/docker.sock
swarm_address=198.18.$engine_number.1 # in its own namespace

# A run that was killed leaves its dockerd behind.
end_leftover_swarm() {
    local pid
    pid=$(as_root cat "$swarm_pidfile" 2> /dev/null) || pid=
    if [ -n "$pid" ] && tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | grep -qF -- "--data-root $cache/swarm/docker "; then
        end_process "$pid"
    fi
    as_root rm -f "$swarm_pidfile"
    remove_swarm_run
}

remove_swarm_run() {
    as_root sh -c 'umount "$1"/exec/netns/* 2> /dev/null; rm -rf "$1"' sh "$swarm_run" || true
}

start_swarm() {
    end_leftover_swarm
    as_root mkdir -p "$swarm_run" "$cache/swarm"
    # The swarm of another run, and the networks of a namespace that is gone.
    as_root rm -rf "$cache/swarm/docker/swarm" "$cache/swarm/docker/network"
    echo '{}' | as_root tee "$swarm_run/daemon.json" > /dev/null
    export RINIT_SWARM_HOST=$swarm_host

    # shellcheck disable=SC2016 # expanded by the inner shell
    as_root sh -c 'log=$1; shift; exec setsid unshare --net "$@" > "$log" 2>&1' sh "$cache/swarm/dockerd.log" \
        sh -c 'ip link set lo up && ip link add swarm type bridge && ip addr add "$0/24" dev swarm &&
            ip link set swarm up && exec "$@"' "$swarm_address" \
        dockerd --config-file "$swarm_run/daemon.json" --pidfile "$swarm_pidfile" \
        --data-root "$cache/swarm/docker" --exec-root "$swarm_run/exec" --host "$swarm_host" \
        --bridge swarm --iptables=false --ip-forward=false --ip-masq=false < /dev/null 9>&- &

    for _ in $(seq 300); do
        if as_root docker --host "$swarm_host" version > /dev/null 2>&1; then
            DOCKER_HOST=$swarm_host remove_containers
            as_root docker --host "$swarm_host" swarm init --advertise-addr "$swarm_address" > /dev/null
            RINIT_SWARM_PID=$(as_root cat "$swarm_pidfile")
            export RINIT_SWARM_PID
            return
        fi
        sleep 0.1
    done
    as_root tail -n 40 "$cache/swarm/dockerd.log" >&2
    echo "the swarm's dockerd did not answer within 30 seconds" >&2
    return 1
}

stop_swarm() {
    local pid
    pid=$(as_root cat "$swarm_pidfile" 2> /dev/null) || pid=
    if [ -n "$pid" ]; then
        # Or it would start the containers again that are removed.
        as_root docker --host "$swarm_host" swarm leave --force > /dev/null 2>&1 || true
        DOCKER_HOST=$swarm_host remove_containers || true
        end_process "$pid"
    fi
    remove_swarm_run
}
