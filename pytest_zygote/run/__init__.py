"""The process of a run: forked by a zygote, it is one pytest session."""
