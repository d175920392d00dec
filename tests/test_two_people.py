"""Two people at one shared journal, each a user of the operating system: pen, approval, offers, without a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli import main
from console.cli.exits import Exit
from console.journal.approvals import folder_of
from console.journal.file import share
from console.journal.sqlite import SqliteJournal
from tests.cli_rig import TIMING
from tests.test_journal_shared import GROUP

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="acting as two users needs root")

ANA, BOB = 64001, 64002
"""Users that nobody has."""

PLAN = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{edge: {{adapter: embedded, latency: 0}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
stages:
  - {{name: five, set: {{api: 5}}}}
  - {{name: half, set: {{api: 50}}, approvals: 1}}
  - {{name: full, set: {{api: 100}}}}
"""


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """This process as another user: what it may do with files, and who it says it is."""
    os.setresuid(uid, uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@dataclass
class Bastion:
    """A host on which two people share a journal."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    said: str = ""

    @property
    def journal(self) -> Path:
        return self.folder / "shared" / "journal.db"

    def does(self, uid: int, *arguments: str) -> int:
        """Run a command as a user; the last line it wrote stands in `said`."""
        command, *more = arguments
        plan = self.folder / "plan.yaml"
        with acting_as(uid):
            code = main([command, str(plan), "--journal", str(self.journal), *more])
        out, err = self.capsys.readouterr()
        self.said = (out.strip() or err.strip()).splitlines()[-1]
        return code

    def percent(self) -> list[str]:
        """What the embedded world was set to, in order."""
        lines = [line for path in self.journal.parent.glob("world-*.jsonl") for line in path.read_text().splitlines()]
        return [line.split('"percent": ')[1].split(",")[0] for line in lines]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything a command imports, while this process may still read its own libraries."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    for command in ("promote", "approve", "rollback", "close"):
        main([command, str(folder / "plan.yaml"), "--journal", str(folder / "journal.db")])


@pytest.fixture
def host(imported: None, open_folder: Path, capsys: pytest.CaptureFixture[str]) -> Bastion:
    (open_folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    SqliteJournal(share(open_folder / "shared" / "journal.db", GROUP)).close()
    return Bastion(open_folder, capsys)


def test_a_stage_that_asks_for_it_is_entered_with_another_persons_approval_and_not_without(host: Bastion) -> None:
    assert host.does(ANA, "promote") == Exit.OK
    assert host.does(ANA, "promote") == Exit.REFUSED
    assert "approved: 0 of 1" in host.said
    assert host.does(ANA, "approve") == Exit.REFUSED
    assert host.said == "approve refused: you hold the pen: another person has to approve"
    assert host.does(BOB, "approve", "--reason", "looked at the graphs") == Exit.OK
    assert host.said == "approved: half, as it stands now"
    assert host.does(ANA, "promote") == Exit.OK
    assert host.percent() == ["5", "50"]


def test_an_approval_is_the_kernels_word_and_not_the_events(host: Bastion) -> None:
    host.does(ANA, "promote")
    host.does(BOB, "approve")
    (file,) = folder_of(host.journal).iterdir()
    assert file.stat().st_uid == BOB
    os.chown(file, ANA, -1)  # as if ana had written it herself, whatever the journal's events say
    assert host.does(ANA, "promote") == Exit.REFUSED
    assert "your own does not count for you" in host.said


def test_an_approval_does_not_outlive_what_was_approved(host: Bastion) -> None:
    host.does(ANA, "promote")
    host.does(BOB, "approve")
    plan = host.folder / "plan.yaml"
    plan.write_text(PLAN.replace("api: 50", "api: 60"), encoding="utf-8")
    assert host.does(ANA, "accept", "--subject", "plan") == Exit.OK
    assert host.does(ANA, "promote") == Exit.REFUSED
    assert "approved: 0 of 1" in host.said


def test_an_approval_counts_again_when_the_edit_of_the_plan_is_undone(host: Bastion) -> None:
    host.does(ANA, "promote")
    host.does(BOB, "approve")
    plan = host.folder / "plan.yaml"
    for text in (PLAN.replace("api: 50", "api: 60"), PLAN):
        plan.write_text(text, encoding="utf-8")
        assert host.does(ANA, "accept", "--subject", "plan") == Exit.OK
    assert host.does(ANA, "promote") == Exit.OK
    assert host.percent() == ["5", "50"]


def test_root_is_nobody_in_particular(host: Bastion) -> None:
    host.does(ANA, "promote")
    assert host.does(0, "approve") == Exit.REFUSED
    assert "root is not a person" in host.said


def test_the_pen_is_with_the_person_and_others_take_it_with_a_reason(host: Bastion) -> None:
    host.does(ANA, "promote")
    assert host.does(BOB, "close", "--override", "--reason", "x") == Exit.REFUSED
    assert host.said.startswith(f"close refused: the pen is with uid {ANA} (")
    assert host.said.endswith("take it (t) or ask")
    assert host.does(BOB, "take") == Exit.REFUSED
    assert host.said.endswith("give a reason")
    assert host.does(BOB, "take", "--reason", "ana went home") == Exit.OK
    assert host.does(ANA, "promote") == Exit.REFUSED


def test_halt_and_rollback_ask_for_no_pen(host: Bastion) -> None:
    host.does(ANA, "promote")
    assert host.does(BOB, "halt", "--reason", "pages") == Exit.OK
    assert host.does(BOB, "rollback") == Exit.OK
    assert host.percent() == ["5", "0"]


def test_an_offer_is_accepted_like_anything_else(host: Bastion) -> None:
    host.does(ANA, "promote")
    assert host.does(ANA, "offer", "--to", f"uid {BOB}") == Exit.OK
    assert host.does(BOB, "accept", "--subject", "pen") == Exit.OK
    assert host.said == "you hold the pen"


def test_a_handoff_leaves_a_note_and_a_free_pen(host: Bastion) -> None:
    host.does(ANA, "promote")
    assert host.does(ANA, "handoff") == Exit.REFUSED
    assert host.does(ANA, "handoff", "--reason", "errors are noise until six") == Exit.OK
    assert host.does(BOB, "halt") == Exit.OK
    assert host.does(BOB, "resume") == Exit.OK
    assert host.does(ANA, "close", "--override", "--reason", "x") == Exit.REFUSED


def test_status_tells_whose_the_pen_is_and_what_was_approved(host: Bastion) -> None:
    host.does(ANA, "promote")
    host.does(BOB, "approve")
    assert host.does(BOB, "status") == Exit.OK
    assert host.said == f"  approval         half needs 1, approved by uid {BOB}"
    assert host.does(BOB, "status", "--json") == Exit.OK
