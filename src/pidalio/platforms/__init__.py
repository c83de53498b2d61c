"""Adapters that feed the store, one folder each; they know neither each other nor the compiler."""
