"""Reading an API server: which resources there are, lists in pages, watches that survive, one mirror for each kind."""
