"""The inputs of the compiler: which tables exist, and the only door through which they change."""
