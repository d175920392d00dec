"""The loop that owns state.

Pollers, actions, the checklist runner, the journal's writer. Knows nothing of Textual.

`engine` puts it together, `thread` runs it in a thread of its own for a screen; a headless verb awaits it directly.
"""
