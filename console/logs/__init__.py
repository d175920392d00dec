"""The log for people who debug: what each record carries (`context`), its JSON line (`line`), the file (`file`)."""

import logging

logging.getLogger("warroom").addHandler(logging.NullHandler())
"""No record reaches the terminal before a log file is asked for."""
