"""The plan file: its values, its shape on disk, the loader, the checks, the lint.

`nouns` has the plain values. `loader` reads a file: `document` parses YAML into a tree with lines, `shape` validates
single values, `checks` what must fit together, `lint` gives advice. Importing this package imports nothing;
`console.plan.loader` imports pydantic and YAML.
"""
