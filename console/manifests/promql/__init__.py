"""Parse the part of PromQL that checks use. `tree` has the nodes of a query, `reader` parses a text into them.

Only the shape of a query matters here; nothing is evaluated. Source: Prometheus 3, "Querying basics" and "Operators".
Unsupported parts (subqueries, `@`) raise UnsupportedQuery.
"""

from console.manifests.promql.reader import UnreadableQuery, UnsupportedQuery, parse_query
from console.manifests.promql.tree import (
    Aggregation,
    Binary,
    Expr,
    FunctionCall,
    Matcher,
    Number,
    Range,
    Selector,
    Text,
    promql_string,
    selectors,
)

__all__ = [
    "Aggregation",
    "Binary",
    "Expr",
    "FunctionCall",
    "Matcher",
    "Number",
    "Range",
    "Selector",
    "Text",
    "UnreadableQuery",
    "UnsupportedQuery",
    "parse_query",
    "promql_string",
    "selectors",
]
