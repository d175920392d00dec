"""`warroom init`: write a plan to start with, or one made from manifests. Never overwrites a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.sanitize import one_line
from console.cli.exits import Exit
from console.cli.output import print_err, print_out

if TYPE_CHECKING:
    from console.cli.argument_types import Subcommands

DEFAULT_OUTPUT = "plan.yaml"
STDOUT = "-"


def add_init(commands: Subcommands) -> None:
    """Add the command and its arguments to `commands`."""
    parser = commands.add_parser(
        "init",
        help="a plan to start with, or one from your manifests",
        description="Write a plan to start with, or the plan of an Argo Rollout, a Flagger Canary or a Deployment.",
    )
    parser.add_argument(
        "--from",
        dest="sources",
        metavar="FILE",
        nargs="+",
        help="manifests, YAML or JSON: files, folders, - for standard input",
    )
    parser.add_argument("--only", metavar="NAME", help="the object, where there are several: web, or rollout/web")
    parser.add_argument("--namespace", metavar="NS", help="its namespace, where the manifest names none")
    parser.add_argument("--provider", metavar="MESH", help="Flagger's mesh provider, where the Canary names none")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PLAN",
        default=DEFAULT_OUTPUT,
        help=f"the file to write, - for standard output ({DEFAULT_OUTPUT})",
    )


def init_command(options: argparse.Namespace) -> int:
    """Run `warroom init [--from FILE..] [-o PLAN]`."""
    if options.sources is None:
        if any(given is not None for given in (options.only, options.namespace, options.provider)):
            print_err("warroom: --only, --namespace and --provider need --from FILE")
            return Exit.USAGE
        from importlib.resources import files

        text = files("console").joinpath("starter.yaml").read_text(encoding="utf-8")
        return _write_plan(text.replace("PLAN", options.output), options.output, f"warroom run {options.output}")
    return _from_manifests(options)


def _from_manifests(options: argparse.Namespace) -> int:
    from console.manifests.choice import draft_plan
    from console.manifests.draft_start import NoChoice
    from console.manifests.origin import read_manifests
    from console.manifests.writer import plan_text, summary
    from console.plan.lint import warnings
    from console.plan.loader import parse
    from console.plan.problems import PlanError

    try:
        manifests = read_manifests(options.sources, sys.stdin.buffer)
        draft = draft_plan(manifests, options.only, options.namespace, options.provider)
    except PlanError as error:
        print_err(str(error))
        return Exit.USAGE
    except NoChoice as error:
        print_err(f"warroom: {error}")
        return Exit.USAGE
    text = plan_text(draft, options.sources)
    try:
        plan = parse(text, options.output)
    except PlanError as error:
        print_err(f"warroom: a fault of init: the plan that it made has errors and is not written\n{error}")
        return Exit.FAULT
    code = _write_plan(text, options.output, None)
    if code != Exit.OK:
        return code
    print_line = print_err if options.output == STDOUT else print_out
    for line in warnings(plan):
        print_line(f"warning: {line}")
    print_line(f"{one_line(options.output)}: {summary(draft)}")
    return code


def _write_plan(text: str, output: str, then: str | None) -> int:
    """Write the plan, and print `then` as the command that uses it; the exit code."""
    if output == STDOUT:
        print_out(text.rstrip("\n"))
        return Exit.OK
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        print_err(f"warroom: {one_line(output)} exists already and was not changed: give another name with -o")
        return Exit.USAGE
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        print_err(f"warroom: {one_line(output)} cannot be written: {why}")
        return Exit.USAGE
    if then is not None:
        print_out(f"{one_line(output)}: written; {one_line(then)} opens it")
    return Exit.OK
