"""Entry of the base zygote: ``python -m pytest_zygote.zygote DESCRIPTOR``, started by the daemon."""

import sys

from pytest_zygote.adapters import sockets
from pytest_zygote.zygote.serving import Zygote

if __name__ == "__main__":
    Zygote(sockets.adopt(int(sys.argv[1]))).serve()
