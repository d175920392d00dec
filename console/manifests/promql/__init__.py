"""Parse the part of PromQL that checks use. `tree` has the nodes of a query, `reader` parses a text into them.

Only the shape of a query matters here; nothing is evaluated. Source: Prometheus 3, "Querying basics" and "Operators".
Unsupported parts (subqueries, `@`) raise UnsupportedQuery.
"""
