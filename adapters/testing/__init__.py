"""Contract suite for adapters: subclass `AdapterContract` in a pytest test, or await the checks one by one.

Needs pytest, and nothing of the console. Servers are real, on loopback, and misbehave in each way of `BAD`.
"""

from adapters.testing.behaviors import BAD as BAD
from adapters.testing.behaviors import EVIL as EVIL
from adapters.testing.behaviors import NEVER_ANSWERS as NEVER_ANSWERS
from adapters.testing.behaviors import SECRET as SECRET
from adapters.testing.behaviors import TOKEN_ENV as TOKEN_ENV
from adapters.testing.behaviors import Bad as Bad
from adapters.testing.behaviors import error_body as error_body
from adapters.testing.checks import WallClock as WallClock
from adapters.testing.checks import check_call as check_call
from adapters.testing.checks import check_cancel as check_cancel
from adapters.testing.checks import check_no_secret as check_no_secret
from adapters.testing.checks import check_plain as check_plain
from adapters.testing.checks import context as context
from adapters.testing.server import Good as Good
from adapters.testing.server import Request as Request
from adapters.testing.server import Serve as Serve
from adapters.testing.server import Server as Server
from adapters.testing.server import answer as answer
from adapters.testing.server import serving as serving
from adapters.testing.suite import PERMIT as PERMIT
from adapters.testing.suite import AdapterContract as AdapterContract
from adapters.testing.suite import ContractCall as ContractCall
