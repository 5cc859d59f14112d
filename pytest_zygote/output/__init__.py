"""What programs read of a run in the place of pytest's terminal: ``--zygote-output``."""
