"""HTTP filters, one per module: its name in the chain, its place-holder entry, and its per-route configuration.

`filters.http.chain` puts them in order; to add a filter, add a module of this shape and name it there.
"""
