"""pytest, where it has to be told more than a plugin can."""
