"""A small HTTP server that backends ask whether they may go on. What they are told is the engine's business.

h11 speaks the protocol: it is there already (httpx stands on it), has no event loop and no sockets of its own, and what
it refuses we need not think of. A whole web framework for four paths would be more to keep than these files.
"""
