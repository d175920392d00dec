"""What `warroom run` imports before its first frame: nothing that takes long, whatever the engine needs later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("pydantic", "httpx", "sqlite_utils", "ruamel", "yaml", "numpy", "console.engine.engine", "console.plan.loader")


def test_run_imports_nothing_heavy_before_the_screen_takes_over(tmp_path: Path) -> None:
    script = f"""
import json, sys
import console.cli
before = [name for name in {HEAVY!r} if name in sys.modules]
import console.app, console.terminal
console.terminal.why_unusable = lambda *_: None
console.app.WarRoom.run = lambda self, **_: print(json.dumps([before, [n for n in {HEAVY!r} if n in sys.modules]]))
sys.exit(console.cli.main(["run", {str(tmp_path / "plan.yaml")!r}, "--journal", {str(tmp_path / "journal.db")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [[], []]


def test_nothing_heavy_is_imported_before_the_first_frame() -> None:
    script = f"""
import asyncio, json, sys
from tests.engine_port_fake import FakeEngine
from console.app import WarRoom
class First(FakeEngine):
    def start(self):
        frame = "".join(p.text for pane in app.screen.query("Pane") for line in pane.lines for p in line)
        heavy = [name for name in {HEAVY!r} if name in sys.modules]
        print(json.dumps([bool(frame.strip()), heavy]), flush=True)
        super().start()
app = WarRoom(First(None), title="t")
async def main():
    async with app.run_test() as pilot:
        await pilot.pause()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [True, []]
