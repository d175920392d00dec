"""Compute which regressions a plan's bake times can find.

`flow` holds the traffic of a metric, from the plan or from the last hour of its backends (read by `live`);
`sensitivity` and `reach` compute what a stage can find in it. All but `live` is pure.
"""
