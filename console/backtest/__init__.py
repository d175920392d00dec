"""The judge over recorded data as if it were live: a file of samples, or a past hour of the metrics backend.

`moments` and `rows` read a file, `series` sorts it into ticks, `replay` judges the ticks, `report` prints what changed.
Nothing here decides anything: the verdicts are those of `console.judge`.
"""
