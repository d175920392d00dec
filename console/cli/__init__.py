"""The command line: `main` parses the arguments and runs one command.

Only argparse is imported before a command is known: the first frame of `run` comes before anything heavy.
"""

from console.cli.commands import main

__all__ = ["main"]
