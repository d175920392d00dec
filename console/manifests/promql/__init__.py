"""The part of PromQL that checks are written in: `tree` holds what a query is made of, `reader` makes it of a text.

Only the shape of a query is of interest here; nothing is evaluated. Source: Prometheus 3, "Querying basics" and
"Operators". What is not read (subqueries, `@`) is said to be so, never guessed at.
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
