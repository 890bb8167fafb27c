"""client.py PORT: asks 127.0.0.1:PORT until its standard input ends, and tells what it has seen.

Every request is a new connection, and is made once: a failure is a failure. Whatever is asked a second time is so
behind the port, by the balancer.
"""

import collections
import json
import re
import sys
import threading
import urllib.request

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()

versions = collections.Counter()
failures = []
while not ended.wait(0.01):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=10) as answer:
            text = answer.read().decode()
            version = re.fullmatch(r"visit \d+, version (\w+), from \w+\n", text)[1]
        versions[version] += 1
        if versions.total() == 1:
            print("answer", flush=True)
    except Exception as failure:
        failures.append(repr(failure))
        if len(failures) == 1:
            print("failure", flush=True)

print(json.dumps({"versions": versions, "failures": failures[:100]}), flush=True)
