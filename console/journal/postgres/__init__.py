"""The journal in PostgreSQL, for teams on several bastions. psycopg is imported in here and nowhere else.

`schema` is what an owner makes once, `journal` the Journal over it, `connection` the one connection it has, `watch` a
second one that listens. Importing this package imports nothing.
"""
