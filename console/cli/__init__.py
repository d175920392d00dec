"""The command line. `main` parses and hands over; each command lives in a file named after what it does.

Only argparse is imported before a command is known: the first frame of `run` comes before anything heavy.
"""

from console.cli.commands import main

__all__ = ["main"]
