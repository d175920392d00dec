"""Judge recorded data as if it were live: a file, or backends' past.

`moments` and `rows` read a file, `series` sorts it into ticks, `backend_recording` reads backends instead, `replay`
judges the ticks, `report` prints the changes. The verdicts are those of `console.judge`; nothing here decides any.
"""
