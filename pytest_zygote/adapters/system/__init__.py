"""The operating system: processes, files, sockets, signals."""
