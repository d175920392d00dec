"""The plan file: values, shape on disk, loader, checks and lint.

`nouns` has the plain values. `loader` reads a file: `document` parses YAML into a tree with lines, `shape` validates
single values, `checks` what must fit together, `lint` gives advice. Importing this package imports nothing;
`console.plan.loader` imports pydantic and YAML.
"""
