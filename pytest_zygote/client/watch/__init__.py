"""Watch mode: stays, and runs what is affected whenever a file is saved. See `loop`."""
