"""Clients of the control socket that mean no good, each a function; run inside the init's PID namespace.

    python3 hostile.py ATTACK [NUMBER]

Whoever is told that others are served (`busy`) is not mean: it asks again.
"""

import errno
import json
import os
import random
import signal
import socket
import struct
import sys
import time

HEALTH = b'{"v":1,"verb":"health"}\n'
STATUS = b'{"v":1,"verb":"status"}\n'
MAX_CLIENTS = 64
KEPT = 1024  # events
GONE = (BrokenPipeError, ConnectionResetError)


class Busy(Exception):
    """Others are served."""


def connect():
    client = socket.socket(socket.AF_UNIX)
    client.connect("\0rinit/%d" % os.stat("/proc/self/ns/pid").st_ino)
    client.settimeout(60)
    return client


def answers(client):
    """What is said until the connection ends."""
    data = b""
    try:
        while chunk := client.recv(1 << 16):
            data += chunk
    except GONE:
        pass
    return [json.loads(line) for line in data.split(b"\n") if line]


def ask(client, request=HEALTH):
    client.sendall(request)
    data = b""
    while not data.endswith(b"\n"):
        chunk = client.recv(1 << 16)
        assert chunk, "closed: %r" % data
        data += chunk
    # Whoever has to give way may be told so right behind the answer.
    answer = json.loads(data.split(b"\n")[0])
    if answer.get("busy"):
        raise Busy(answer["error"])
    return answer


def until_served(attempt):
    """What comes of it when there is a place."""
    end = time.monotonic() + 60
    while True:
        try:
            return attempt()
        except (Busy, *GONE):
            assert time.monotonic() < end
            time.sleep(0.01)


def refused(answer, part):
    assert not answer["ok"] and part in answer["error"], answer


def hundred():
    """A hundred at once: the places are 64. Whoever gets none is told so, and none is left without an answer."""
    clients = [connect() for _ in range(100)]
    for client in clients:
        try:
            client.sendall(HEALTH)
            client.shutdown(socket.SHUT_WR)
        except GONE:
            pass
    for client in clients:
        got = answers(client)
        assert len(got) == 1 and (got[0]["ok"] or got[0]["busy"]), got
    assert until_served(lambda: ask(connect()))["ok"]


def silent():
    refused(answers(connect())[0], "no whole request came within 5s")


def idle():
    """All places are taken by who wants nothing: they make room within 250 ms."""
    crowd = [connect() for _ in range(MAX_CLIENTS)]
    assert until_served(lambda: ask(connect()))["ok"]
    crowd = [answer for client in crowd for answer in answers(client)]
    assert any("250ms" in answer["error"] for answer in crowd), crowd


def deaf():
    """Asks and asks and never reads: cut off 5 s after the kernel's buffer is full."""
    client = connect()
    try:
        while True:
            client.sendall(STATUS * 100)
    except GONE:
        pass


def endless():
    client = connect()
    try:
        client.sendall(b"x" * 1_000_000)
    except GONE:
        pass
    refused(answers(client)[0], "longer than 64 KiB")


def noise(seed):
    chance = random.Random(seed)
    for _ in range(200):
        data = chance.randbytes(chance.randrange(5000))
        client = connect()
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except GONE:
            pass
        got = answers(client)
        lines = [line for line in data.split(b"\n") if line.strip(b" \t\r\x0c")]
        assert len(got) == len(lines), (len(got), len(lines))
        assert not any(answer["ok"] for answer in got), got


def half_a_character():
    client = connect()
    refused(ask(client, b'{"v":1,"verb":"\xc3\n'), "cannot read the request")
    assert ask(client)["ok"]
    client.sendall(b'{"v":1,"verb":"health","names":["\xc3')
    client.shutdown(socket.SHUT_WR)
    refused(answers(client)[0], "cannot read the request")


def thousand():
    client = connect()
    client.sendall(HEALTH * 1000)
    client.shutdown(socket.SHUT_WR)
    got = answers(client)
    assert len(got) == 1000 and all(answer["ok"] for answer in got), len(got)


def killed():
    """Killed with half a request sent, or with the answer on its way."""
    for number in range(100):
        child = os.fork()
        if child == 0:
            client = connect()
            client.sendall(HEALTH[:9] if number % 2 else STATUS * 50)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)


def half_closed():
    client = connect()
    client.sendall(HEALTH[:-1])
    client.shutdown(socket.SHUT_WR)
    got = answers(client)
    assert len(got) == 1 and got[0]["ok"], got


def descriptors():
    """Sends descriptors along; which the kernel refuses from 6.16 on, and rinit throws away before."""
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(250)]
    for _ in range(20):
        client = connect()
        try:
            socket.send_fds(client, [HEALTH], files)
        except PermissionError:
            client.sendall(HEALTH)
        client.shutdown(socket.SHUT_WR)
        assert answers(client)[0]["ok"]
        # With a line that is not finished, and a client that is gone.
        try:
            socket.send_fds(connect(), [b"x"], files)
        except PermissionError:
            pass


def lingering():
    """Sends a descriptor along that takes ten minutes to be closed by whom has it last."""
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    peer.setblocking(False)
    try:
        while True:
            peer.send(b"x" * 65536)
    except BlockingIOError:
        pass
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 600))
    client = connect()
    try:
        socket.send_fds(client, [b"x"], [peer.fileno()])
    except PermissionError:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert ask(connect())["ok"]
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    print("this kernel refuses no descriptors")


def deep():
    client = connect()
    for line in [b"[" * 60_000, b'{"v":' * 10_000, b'{"v":1,"names":' + b"[" * 60_000]:
        refused(ask(client, line + b"\n"), "cannot read the request")
    assert ask(client)["ok"]


def names():
    """One service a thousand times is told of once; more names than that are refused."""
    client = connect()
    for verb in [b"status", b"health"]:
        request = b'{"v":1,"verb":"%s","names":[%s]}\n'
        refused(ask(client, request % (verb, b",".join([b'"web"'] * 10_000))), "more than 1024 names")
        answer = ask(client, request % (verb, b",".join([b'"web"'] * 1024)))
        assert answer["ok"], answer["error"][:200]
        count = len(answer["status"]["services"]) if verb == b"status" else answer["health"]["services"]
        assert count == 1, count


def blanks():
    """Empty lines are no requests: who sends nothing else is late, and soon so when places are rare."""
    client = connect()
    try:
        for _ in range(100):
            client.sendall(b"\n" * 65_000)
        assert ask(client)["ok"]
    except GONE:
        refused(answers(client)[0], "no whole request came")


def coming_and_going():
    for number in range(10_000):
        try:
            client = connect()
            if number % 3 == 0:
                client.sendall(HEALTH)
            client.close()
        except OSError as error:
            assert error.errno in (errno.EAGAIN, errno.ECONNRESET, errno.EPIPE), error


def nudge(count):
    """So many events that harm nobody."""
    client = connect()
    for _ in range(count):
        assert ask(client, b'{"v":1,"verb":"signal","signal":"CONT","names":["web"]}\n')["ok"]


def unread(client):
    """How many bytes wait for it."""
    try:
        return len(client.recv(1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return 0


def follow():
    client = connect()
    client.sendall(b'{"v":1,"verb":"events","follow":true}\n')
    return client


def deaf_followers():
    """They never read: each is cut off when it has missed something, and has time to see why."""
    crowd = [follow() for _ in range(8)]
    while True:
        before = [unread(client) for client in crowd]
        nudge(100)
        if [unread(client) for client in crowd] == before:
            break
    # Who has read nothing of what is kept is cut off, and has five seconds to see why: so not many more.
    nudge(KEPT + 200)
    for client in crowd:
        assert "cut off" in answers(client)[-1]["error"]


def killed_followers():
    for _ in range(50):
        child = os.fork()
        if child == 0:
            follow().recv(1)
            os.kill(os.getpid(), signal.SIGKILL)
        nudge(3)
        os.waitpid(child, 0)


def talking_follower():
    """What it sends is not read: the kernel's buffer fills, and it is told what happens all the same."""
    client = follow()
    assert client.recv(1 << 20)
    client.setblocking(False)
    try:
        while True:
            client.send(HEALTH)
    except BlockingIOError:
        pass
    client.settimeout(60)
    nudge(1)
    while b'"kind":"kill"' not in client.recv(1 << 20):
        pass


def all_places():
    """Root itself gets seven places of eight for what lasts: a health check always has its answer."""
    crowd = []
    for _ in range(MAX_CLIENTS * 7 // 8):
        crowd.append(connect())
        assert ask(crowd[-1], b'{"v":1,"verb":"events","follow":true,"since":0,"kinds":["oom"]}\n')["ok"]
    lasting = [b'"events","follow":true', b'"wait","for":"failed","names":["web"]', b'"restart","names":["web"]']
    for request in lasting:
        refused(ask(connect(), b'{"v":1,"verb":%s}\n' % request), "56 clients wait or follow already")
    assert ask(connect())["ok"]


def crowd_and_kill(pid):
    """Takes every place that there is, and kills a service: it has its successor all the same."""
    crowd = []
    for _ in range(100):
        crowd.append(connect())
        try:
            crowd[-1].sendall(HEALTH[:9])
        except GONE:
            pass
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while not any(is_service(entry, pid) for entry in os.listdir("/proc") if entry.isdigit()):
        assert time.monotonic() < end, "no successor"
        time.sleep(0.01)


def is_service(entry, old):
    try:
        with open("/proc/%s/cmdline" % entry) as file:
            return int(entry) != old and file.read().split("\0")[:2] == ["sleep", "100000"]
    except OSError:
        return False


def everything(seconds):
    """For so many seconds, several at a time."""
    end = time.monotonic() + seconds
    work = [hundred, endless, half_a_character, thousand, killed, descriptors, deep, names, blanks]
    for number in range(4):
        if os.fork() == 0:
            chance = random.Random(number)
            while time.monotonic() < end:
                try:
                    chance.choice(work)()
                except (AssertionError, Busy, IndexError, OSError):
                    pass  # the others had its place; what each of these has to see is tested alone
            os._exit(0)
    failed = sum(os.wait()[1] != 0 for _ in range(4))
    assert failed == 0, failed


def silent_one():
    client = connect()
    client.settimeout(None)
    client.recv(1)


def deaf_one():
    """Asks and never reads."""
    client = connect()
    while True:
        client.sendall(STATUS * 100)


def unfinished_one():
    """Nearly the longest request, and no end of it."""
    client = connect()
    client.sendall(b"x" * 65_000)
    client.settimeout(None)
    client.recv(1)


def asking_one():
    """Asks and reads, without a pause."""
    client = connect()
    while True:
        ask(client, STATUS)


def crowd(uid, count):
    """So many processes of a user, of all kinds; each comes back as soon as it is cut off."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    kinds = [silent_one, deaf_one, unfinished_one, asking_one]
    for number in range(count):
        if os.fork() == 0:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    kinds[number % len(kinds)]()
                except (AssertionError, Busy, IndexError, OSError):
                    time.sleep(0.5)
            os._exit(0)
    print("ready", flush=True)
    for _ in range(count):
        os.wait()


def send_unread(count, sent):
    """Clients that send this and read nothing; another one gets its answer all the same."""
    clients = [connect() for _ in range(count)]
    for client in clients:
        client.setblocking(False)
        try:
            client.send(sent)
        except GONE:
            pass
    assert until_served(lambda: ask(connect()))["ok"]


def unfinished(count):
    """Requests as long as they may be, without their end."""
    send_unread(count, b"x" * 65_000)


def unread_answers(count):
    """Requests for everything there is to tell, whose answers nobody reads."""
    send_unread(count, b'{"v":1,"verb":"status","names":["*"]}\n' * 100)


if __name__ == "__main__":
    attack = globals()[sys.argv[1]]
    attack(*map(int, sys.argv[2:]))
