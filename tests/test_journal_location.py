"""Where a journal is: a path or a URL, what of a URL is shown, and what a shell says where it cannot be used."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli import main
from console.cli.exits import Exit
from console.journal.contract import JournalUnavailable
from console.journal.location import FileLocation, ServerLocation, journal_location
from console.journal.postgres.url import Url
from tests.cli_rig import Shell, shell
from tests.live.servers import free_port

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sh(tmp_path: Path, capsys: Capture) -> Shell:
    return shell(tmp_path, capsys)


def test_a_path_is_a_file_wherever_it_is_said_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert journal_location("journal.db") == FileLocation(tmp_path / "journal.db")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ana@db.example:5433/warroom", "postgresql://ana@db.example:5433/warroom"),
        ("postgres://ana:s3cret@db/warroom", "postgres://ana@db/warroom"),
        ("postgresql://ana:s3@cret@db/warroom", "postgresql://ana@db/warroom"),
        ("postgresql://db/warroom?user=ana&password=s3cret", "postgresql://db/warroom"),
        ("postgresql://?service=ops&sslpassword=s3cret", "postgresql://?service=ops"),
        ("postgresql://a,b:1,c/warroom?sslmode=verify-full", "postgresql://a,b:1,c/warroom"),
        ("postgresql://[::1]:5432/warroom", "postgresql://[::1]:5432/warroom"),
        ("postgresql:///warroom", "postgresql:///warroom"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    found = journal_location(url)
    assert isinstance(found, ServerLocation)
    assert (str(found), repr(found)) == (shown, f"ServerLocation(url=Url('{shown}'))")
    assert bool(found.url.secrets) is ("s3" in url)


@given(password=st.text(min_size=4, max_size=30).filter(lambda text: text.strip() == text and text.isprintable()))
def test_no_spelling_of_a_password_survives_in_a_message(password: str) -> None:
    url = Url(f"postgresql://u@host/d?password={quote(password, safe='')}")
    for spelled in (password, quote(password, safe="")):
        assert spelled not in url.redact(f"FATAL: <{spelled}> is wrong").replace("FATAL: <***> is wrong", "")


@pytest.mark.parametrize("given_", ["mysql://db/warroom", "http://x", "postgresql://[::1/warroom"])
def test_a_url_that_cannot_be_used_is_a_wrong_argument_in_one_line(sh: Shell, given_: str) -> None:
    assert main(["log", "--journal", given_]) == Exit.USAGE
    err = sh.capsys.readouterr().err
    assert err.startswith("warroom: journal") and err.count("\n") == 1


@pytest.mark.parametrize("words", [["log"], ["log", "verify"], ["journal", "init"]])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(sh: Shell, words: list[str]) -> None:
    url = "postgresql://ana:s3cret@127.0.0.1/warroom"
    assert main([*words, url] if words[0] == "journal" else [*words, "--journal", url]) == Exit.USAGE
    err = sh.capsys.readouterr().err
    assert "every user can see a password on the command line" in err
    assert "s3cret" not in err and err.count("\n") == 1


def test_a_password_in_the_environment_is_used_and_not_shown(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARROOM_JOURNAL", f"postgresql://ana:s3cret@127.0.0.1:{free_port()}/warroom")
    assert main(["log"]) == Exit.JOURNAL
    out, err = sh.capsys.readouterr()
    assert "refused" in err and "s3cret" not in out + err and err.count("\n") == 1


def test_a_server_that_is_not_there_refuses_a_promote_and_not_a_halt(
    sh: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(sh.folder))
    where = f"postgresql://ana@127.0.0.1:{free_port()}/warroom"
    assert main(["promote", str(sh.plan), "--journal", where]) == Exit.JOURNAL
    assert f"journal {where}: " in sh.capsys.readouterr().err
    assert main(["halt", str(sh.plan), "--journal", where]) == Exit.JOURNAL
    assert "UNJOURNALED" in sh.capsys.readouterr().err


def test_without_its_driver_a_url_says_what_to_install(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("console.journal.postgres.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert main(["log", "--journal", "postgresql://ana@127.0.0.1/warroom"]) == Exit.JOURNAL
    err = sh.capsys.readouterr().err
    assert "pip install 'rollout-warroom[postgres]'" in err and err.count("\n") == 1


def test_no_traceback_of_a_failed_connect_holds_the_password() -> None:
    found = journal_location(f"postgresql://ana:s3cret@127.0.0.1:{free_port()}/warroom?bad_option=1")
    with pytest.raises(JournalUnavailable, match="not a PostgreSQL URL") as caught:
        found.open()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
