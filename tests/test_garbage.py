"""How much of a command's time goes into looking for cycles of garbage."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc, json
from console.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
import adapters.deploy.argo.wire as wire
one = {"metadata": {"name": "a", "managedFields": [{"fieldsV1": {"f:status": {}}}] * 3},
       "spec": {"strategy": {"canary": {"steps": [{"setWeight": 5}, {"pause": {}}] * 5}}}}
body = json.dumps([one] * 300)
before = gc.get_stats()[2]["collections"]
kept = [wire.Rollout.model_validate(found) for _ in range(3) for found in json.loads(body)]
print(len(kept), gc.get_stats()[2]["collections"] - before)
"""


def test_three_lists_of_300_rollouts_are_read_without_going_through_everything_there_is() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "900 0"
