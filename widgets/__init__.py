"""Pictures of State: one pane a file, each drawn by a pure function. No network, no database, no decisions.

Importing this package imports nothing; placement on the screen lives in the application's stylesheet.
"""
