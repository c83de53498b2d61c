"""Istio's semantics as pure queries over the input tables: what the rules mean, in plans.

Start at `virtual_hosts` (what a sidecar routes), `gateways` (what comes in) and `clusters` (where it goes).
Every query is total: it answers for keys that do not exist.
"""
