"""``python -m pytest_zygote``: the same as the console script ``pz``."""

import sys

from pytest_zygote.client import main

if __name__ == "__main__":
    sys.exit(main())
