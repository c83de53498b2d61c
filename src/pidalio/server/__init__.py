"""The control plane: the composition root that joins store, compiler, xDS and API in one process."""
