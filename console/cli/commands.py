"""The argument parser, and the dispatch of a command to its file.

Every error that a user can meet becomes one plain line on stderr and an exit code here.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from console.cli import init, log_options, records, watch_args
from console.cli.argument_types import picture_size, speed, stage_count
from console.cli.exits import Exit
from console.cli.output import discard, print_err
from console.events.evidence import Verb
from console.events.verbs import VERBS, SubjectArgument

GC_THRESHOLDS = (20_000, 10, 10)
"""Thresholds of Python's cycle collector. With its default of 700 new objects, reading one list of a cluster triggers
dozens of collections, one of them full: together they take longer than the reading."""
EPILOG = """\
exit codes: 0 done/accepted  1 fault  2 usage or plan  3 refused
            4 outcome unknown  5 another console moved first  6 journal
            7 tampered  8 not in time  9 can no longer come
"""
COMMANDS = """\
commands, each with a --help of its own:
  run                   open the war room for a plan
  demo                  a war room on a simulated world; needs nothing
  init                  a plan to start with, or one from your manifests
  check, backtest       check a plan; judge recorded samples with it
  status, log           where it stands now; who decided what and why
  promote               go to the next stage, if its gates hold
  halt, resume          block every promote until resume; end a halt
  rollback              carry out the rollback checklist, or continue it
  confirm, skip, order  a step is done; skip it; give a backend's order
  place, accept, close  set the stage; accept a change; end the rollout
  take, offer, handoff  the pen: who moves the rollout forward
  approve, note         approve the next move as a second person; add a note
  watch, wait           guard without a screen; wait for a condition
  journal, adapters     share a journal; what a plan can name as a backend
  completion            shell completion"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    gc.set_threshold(*GC_THRESHOLDS)
    parser = _parser()
    options = parser.parse_args(records.join_subcommand(sys.argv[1:] if argv is None else argv))
    if options.command is None:
        parser.print_help()
        return Exit.USAGE
    return log_options.run_logged(options, _run)


def _run(options: argparse.Namespace) -> int:
    try:
        code = int(_dispatch(options))
        if sys.stdout is not None:
            sys.stdout.flush()  # here a reader that has gone is handled; at interpreter exit it would be a fault
        return code
    except KeyboardInterrupt:
        print_err("warroom: interrupted")
        return 130
    except BrokenPipeError:  # the reader of `status`, `log` or `check` has gone; a verb's own lines never raise
        discard(sys.stdout)
        return Exit.OK
    except OSError as error:
        print_err(f"warroom: the output cannot be written: {error}")
        discard(sys.stdout)
        return Exit.FAULT


def _dispatch(options: argparse.Namespace) -> int:
    command: str = options.command
    if getattr(options, "context", None):
        os.environ["WARROOM_KUBE_CONTEXT"] = options.context
    if command in ("run", "demo"):
        from console.cli import run

        return run.run_command(options) if command == "run" else run.demo_command(options)
    if command == "init":
        return init.init_command(options)
    if command == "check":
        from console.cli import check

        return check.check_command(options)
    if command == "adapters":
        from console.cli import adapters

        return adapters.adapters_command(options)
    if command == "backtest":
        from console.cli import backtest

        return backtest.backtest_command(options)
    if command in ("status", "log"):
        from console.cli import log, show

        return show.status_command(options) if command == "status" else log.log_command(options)
    if command == "rollback" and options.dry_run:
        from console.cli import dry_run

        return dry_run.dry_run_command(options)
    if command == "journal" or command.startswith("log "):
        return records.run_journal_command(options)
    if command in ("watch", "wait", "completion"):
        return watch_args.run_headless_command(options, _parser)
    from console.cli import verbs

    return verbs.verb_command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="warroom",
        usage="warroom [-h] [--version] COMMAND ...",
        description=f"Watch a risky rollout, decide with evidence, undo it safely.\n\n{COMMANDS}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    # The usage line names these two; the page has to fit 24 lines.
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(prog="warroom", dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    _add_screens(commands)
    init.add_init(commands)
    _add_readers(commands)
    _add_verbs(commands)
    records.add(commands, _journal)
    watch_args.add(commands, _journal)
    return parser


class _Version(argparse.Action):
    """The option --version, which imports the version only when it is used."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from console.version import version

        print(f"warroom {version()}")
        parser.exit()


_Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _journal(
    parser: argparse.ArgumentParser, default: str = "$WARROOM_JOURNAL, else journal.db in your state directory"
) -> None:
    parser.add_argument(
        "--journal", metavar="PATH|URL", help=f"SQLite file, or postgresql://USER@HOST/DATABASE (default: {default})"
    )
    log_options.add(parser)


def _context(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", metavar="NAME", help="kubeconfig context where the plan names none")


def _add_screens(commands: _Commands) -> None:  # type: ignore[valid-type]
    run = commands.add_parser("run", help="open the war room for a plan")  # type: ignore[attr-defined]
    run.add_argument("plan", metavar="PLAN", type=Path)
    run.add_argument("--observe", action="store_true", help="observe only; so does WARROOM_OBSERVE=1")
    _context(run)
    _journal(run)
    demo = commands.add_parser("demo", help="a war room on a simulated world; needs nothing")  # type: ignore[attr-defined]
    demo.add_argument(
        "--scenario",
        default="error_spike",
        choices=SCENARIOS,
        metavar="NAME",
        help=f"what goes wrong: {', '.join(SCENARIOS)} (default: error_spike)",
    )
    demo.add_argument("--speed", type=speed, default=1.0, metavar="N", help="times faster than real time (default: 1)")
    demo.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of the world's random numbers (default: 1)"
    )
    demo.add_argument("--svg", type=Path, metavar="FILE", help="write a picture of the screen and exit")
    demo.add_argument(
        "--moment",
        default="failing",
        choices=MOMENTS,
        metavar="NAME",
        help=f"what the picture shows: {', '.join(MOMENTS)} (default: failing)",
    )
    demo.add_argument("--size", default="100x30", type=picture_size, metavar="WxH", help="its size (default: 100x30)")
    _journal(demo, "one of its own in a temporary directory")


def _add_readers(commands: _Commands) -> None:  # type: ignore[valid-type]
    check = commands.add_parser("check", help="check a plan: exit 0, or 2 with every error and its line")  # type: ignore[attr-defined]
    check.add_argument("plan", metavar="PLAN", type=Path)
    check.add_argument("--live", action="store_true", help="also read the last hour from the metrics backends")
    log_options.add(check)
    found = commands.add_parser("adapters", help="adapters found, where from, their kinds and options")  # type: ignore[attr-defined]
    found.add_argument("--json", action="store_true", help="as JSON Lines")
    backtest = commands.add_parser("backtest", help="judge recorded samples as if live")  # type: ignore[attr-defined]
    backtest.add_argument("plan", metavar="PLAN", type=Path)
    source = backtest.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--series",
        metavar="FILE",
        type=Path,
        help="CSV or JSON Lines: at, metric, arm, total, bad (or value), stage; - is standard input",
    )
    source.add_argument("--from", dest="begin", metavar="TIME", help="read the metrics backends instead, from TIME on")
    backtest.add_argument("--to", dest="end", metavar="TIME", help="with --from: up to TIME (default: now)")
    backtest.add_argument("--lenient", action="store_true", help="leave bad rows out and count them")
    backtest.add_argument("--json", action="store_true", help="as JSON Lines, the last one a summary")
    log_options.add(backtest)
    status = commands.add_parser("status", help="read and show where a rollout stands; sends nothing")  # type: ignore[attr-defined]
    status.add_argument("plan", metavar="PLAN", type=Path)
    status.add_argument("--json", action="store_true", help="everything, as JSON")
    _context(status)
    _journal(status)
    log = commands.add_parser(  # type: ignore[attr-defined]
        "log",
        help="show decisions and notes: who, when, why, on which evidence",
        epilog="also: warroom log verify | export | prune, and warroom journal init; each has a --help",
    )
    log.add_argument(
        "which",
        nargs="?",
        metavar="PLAN-NAME|ROLLOUT|DECISION",
        help="those of one plan or rollout, or one decision with its evidence",
    )
    log.add_argument("--json", action="store_true", help="as JSON Lines")
    _journal(log)


def _add_verbs(commands: _Commands) -> None:  # type: ignore[valid-type]
    _add_verb(commands, "note", "add a line to the journal", None)
    for verb, spec in VERBS.items():
        parser = _add_verb(commands, verb.value, spec.summary, spec.subject)
        if verb is Verb.ROLLBACK:
            parser.add_argument("--dry-run", action="store_true", help="print every call; send and write nothing")


def _add_verb(
    commands: _Commands,  # type: ignore[valid-type]
    name: str,
    summary: str,
    subject: SubjectArgument | None,
) -> argparse.ArgumentParser:
    positional = ["PLAN"]
    if subject is not None and not subject.name.startswith("--"):
        positional.append(f"{subject.metavar}{' ..' * subject.many}")
    # The usage line does not list the options: the page has to fit 24 lines.
    parser: argparse.ArgumentParser = commands.add_parser(  # type: ignore[attr-defined]
        name,
        help=summary,
        usage=f"warroom {name} [options] {' '.join(positional)}",
        description=f"{summary[0].upper()}{summary[1:]}.",
    )
    parser.add_argument("plan", metavar="PLAN", type=Path)
    if subject is not None and subject.name.startswith("--"):
        parser.add_argument(subject.name, dest="subject", metavar=subject.metavar, help=subject.help)
    elif subject is not None:
        nargs = "+" if subject.many else None
        parser.add_argument("subject", metavar=subject.metavar, nargs=nargs, help=subject.help)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; for note, the text of the note")
    parser.add_argument(
        "--expect-stage", type=stage_count, metavar="N", help="refuse unless N stages are reached (0: none)"
    )
    parser.add_argument("--override", action="store_true", help="go on although a gate is closed; needs --reason")
    parser.add_argument(
        "--confirm", default="", metavar="WORD", help="confirming word: a manual stage's name, or rollback"
    )
    _context(parser)
    _journal(parser)
    return parser


SCENARIOS = ("healthy", "error_spike", "slow_burn", "metrics_outage", "stuck_deploy")
DECIDING = ("note", *(verb.value for verb in VERBS))
"""The commands that record a decision or a note."""
MOMENTS = ("healthy", "failing", "stale", "rollback", "card")
