"""`python -m console`: the command `warroom`, where its script is not on the path."""

from __future__ import annotations

import sys

from console.cli import main

if __name__ == "__main__":
    sys.exit(main())
