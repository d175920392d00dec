"""The argument parser and the dispatch of a command; every expected error becomes one plain line and an exit code."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli import init, log_options, records
from console.cli.argument_types import duration_s, picture_size, speed, stage_count
from console.cli.exits import Command, Exit
from console.cli.output import discard, print_err
from console.events.evidence import Verb
from console.events.verbs import VERBS, SubjectArgument

if TYPE_CHECKING:
    from console.cli.argument_types import Subcommands

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
    """Run the command of `options`, whose file is imported only now."""
    if getattr(options, "context", None):
        os.environ["WARROOM_KUBE_CONTEXT"] = options.context
    command: Command
    match options.command:
        case "run":
            from console.cli.run import run_command as command
        case "demo":
            from console.cli.run import demo_command as command
        case "init":
            command = init.init_command
        case "check":
            from console.cli.check import check_command as command
        case "adapters":
            from console.cli.adapters import adapters_command as command
        case "backtest":
            from console.cli.backtest import backtest_command as command
        case "status":
            from console.cli.show import status_command as command
        case "log":
            from console.cli.log import log_command as command
        case "log verify":
            from console.cli.verify import verify_command as command
        case "log export":
            from console.cli.export import export_command as command
        case "log prune":
            from console.cli.prune import prune_command as command
        case "journal":
            from console.cli.journal_init import journal_init_command as command
        case "watch":
            from console.cli.watch import watch_command as command
        case "wait":
            from console.cli.watch import wait_command as command
        case "completion":
            from console.cli.completion import completion_command

            return completion_command(options.shell, _parser())
        case "rollback" if options.dry_run:
            from console.cli.dry_run import dry_run_command as command
        case _:
            from console.cli.verbs import verb_command as command
    return command(options)


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
    _add_headless(commands)
    return parser


class _Version(argparse.Action):
    """The option --version, which imports the version only when it is used."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from console.version import warroom_version

        print(f"warroom {warroom_version()}")
        parser.exit()


def _journal(
    parser: argparse.ArgumentParser, default: str = "$WARROOM_JOURNAL, else journal.db in your state directory"
) -> None:
    parser.add_argument(
        "--journal", metavar="PATH|URL", help=f"SQLite file, or postgresql://USER@HOST/DATABASE (default: {default})"
    )
    log_options.add(parser)


def _context(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", metavar="NAME", help="kubeconfig context where the plan names none")


def _choice(parser: argparse.ArgumentParser, option: str, words: Sequence[str], default: str, about: str) -> None:
    about = f"{about}: {', '.join(words)} (default: {default})"
    parser.add_argument(option, default=default, choices=words, metavar="NAME", help=about)


def _add_screens(commands: Subcommands) -> None:
    run = commands.add_parser("run", help="open the war room for a plan")
    run.add_argument("plan", metavar="PLAN", type=Path)
    run.add_argument("--observe", action="store_true", help="observe only; so does WARROOM_OBSERVE=1")
    _context(run)
    _journal(run)
    demo = commands.add_parser("demo", help="a war room on a simulated world; needs nothing")
    _choice(demo, "--scenario", SCENARIOS, "error_spike", "what goes wrong")
    demo.add_argument("--speed", type=speed, default=1.0, metavar="N", help="times faster than real time (default: 1)")
    demo.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of the world's random numbers (default: 1)"
    )
    demo.add_argument("--svg", type=Path, metavar="FILE", help="write a picture of the screen and exit")
    _choice(demo, "--moment", MOMENTS, "failing", "what the picture shows")
    demo.add_argument("--size", default="100x30", type=picture_size, metavar="WxH", help="its size (default: 100x30)")
    _journal(demo, "one of its own in a temporary directory")


def _add_readers(commands: Subcommands) -> None:
    check = commands.add_parser("check", help="check a plan: exit 0, or 2 with every error and its line")
    check.add_argument("plan", metavar="PLAN", type=Path)
    check.add_argument("--live", action="store_true", help="also read the last hour from the metrics backends")
    log_options.add(check)
    found = commands.add_parser("adapters", help="adapters found, where from, their kinds and options")
    found.add_argument("--json", action="store_true", help="as JSON Lines")
    backtest = commands.add_parser("backtest", help="judge recorded samples as if live")
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
    status = commands.add_parser("status", help="read and show where a rollout stands; sends nothing")
    status.add_argument("plan", metavar="PLAN", type=Path)
    status.add_argument("--json", action="store_true", help="everything, as JSON")
    _context(status)
    _journal(status)
    log = commands.add_parser(
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


def _add_verbs(commands: Subcommands) -> None:
    _add_verb(commands, "note", "add a line to the journal", None)
    for verb, spec in VERBS.items():
        parser = _add_verb(commands, verb.value, spec.summary, spec.subject)
        if verb is Verb.ROLLBACK:
            parser.add_argument("--dry-run", action="store_true", help="print every call; send and write nothing")
        if verb is Verb.PLACE:
            about = "what a target was before the rollout: percent, or on, off; repeatable"
            parser.add_argument("--before", action="append", default=[], metavar="TARGET=N", help=about)


def _add_verb(
    commands: Subcommands, name: str, summary: str, subject: SubjectArgument | None
) -> argparse.ArgumentParser:
    positional = ["PLAN"]
    if subject is not None and not subject.name.startswith("--"):
        positional.append(f"{subject.metavar}{' ..' * subject.many}")
    # The usage line does not list the options: the page has to fit 24 lines.
    parser = commands.add_parser(
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


def _add_headless(commands: Subcommands) -> None:
    watch = commands.add_parser(
        "watch",
        description="Poll and guard the rollouts of a plan without a screen, one line per change, until SIGTERM. "
        "Waits for a rollout to be opened. Decides nothing except the plan's on_fail.",
    )
    watch.add_argument("plan", metavar="PLAN", type=Path)
    watch.add_argument(
        "--gates",
        metavar="ADDRESS:PORT",
        help="answer Flagger's webhooks there; PORT alone: for this machine only. "
        "With WARROOM_GATE_TOKEN set, they must carry it",
    )
    _journal(watch)
    wait = commands.add_parser(
        "wait", description="Wait for a condition. Exit 0: it holds; 8: not in time; 9: it can no longer come."
    )
    wait.add_argument("plan", metavar="PLAN", type=Path)
    wait.add_argument("--until", required=True, metavar="WHAT", help=CONDITIONS_HELP)
    wait.add_argument("--timeout", type=duration_s, metavar="TIME", help="30s, 10m, 1h or seconds (default: no limit)")
    _journal(wait)
    completion = commands.add_parser("completion", description="Print the completion script of a shell.")
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


SCENARIOS = ("healthy", "error_spike", "slow_burn", "metrics_outage", "stuck_deploy")
DECIDING = ("note", *(verb.value for verb in VERBS))
"""The commands that record a decision or a note."""
MOMENTS = ("healthy", "failing", "stale", "rollback", "card")
CONDITIONS_HELP = "healthy, failing, promotable, halted, rolled-back, complete, closed, or stage:NAME"
SHELLS = ("bash", "zsh", "fish")
