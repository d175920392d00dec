"""What a plan's bake times can and cannot find, before anybody relies on them.

`flow` says what flows (from the plan, or from the last hour of its backends), `sight` what a stage makes of it: pure
but for the asking in `hour`.
"""
