"""Google's official Python clients find the sandbox by the environment that `npm run sandbox` prints.

`official-clients.faults.test.ts` starts the sandbox and runs the tests beside this file.
"""

import contextlib
import json
import os
import urllib.request
import uuid

PROJECT = os.environ["GOOGLE_CLOUD_PROJECT"]


def unique(kind: str) -> str:
    """Returns a name that no other test has taken."""
    return f"{kind}-{uuid.uuid4().hex[:12]}"


@contextlib.contextmanager
def fault(**rule):
    """Adds a rule of the sandbox, as docs/sandbox.md describes it, for as long as its block runs; it must hit a call."""
    faults = f"{os.environ['SANDBOX_CONTROL_URL']}/faults"
    urllib.request.urlopen(faults, data=json.dumps(rule).encode()).close()
    try:
        yield
        with urllib.request.urlopen(faults) as answer:
            assert all(each["fired"] for each in json.load(answer)), f"{rule} has hit no call"
    finally:
        urllib.request.urlopen(urllib.request.Request(faults, method="DELETE")).close()
