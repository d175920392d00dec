"""The journal in PostgreSQL, for teams on several bastion hosts.

`schema` has the migrations that the owner applies once, `journal` the Journal over them, `connection` its one
connection, `watch` a second one that listens. psycopg is imported in this package only. Importing this package imports
nothing.
"""
