"""The outside world, one thing a module. Adapters do not know each other."""
