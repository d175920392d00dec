"""The plan file: its nouns (plain), its shape on disk, the loader with line numbers, the lint.

Importing this package imports nothing; `console.plan.loader` brings pydantic and YAML with it.
"""
