"""Which file system a folder is on, and whether changes there can be missed.

The kernel reports what this machine does to a file. Where another machine holds the files (a network share, a folder
that a virtual machine or container gets from its host), changes there are not reported: such folders are polled. A bind
mount of a local folder is the folder itself, whose changes are reported.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "ncpfs")
_VIRTUAL = ("9p", "drvfs", "vboxsf", "vmhgfs", "prl_fs", "virtiofs", "osxfs", "fakeowner")
SHARED = frozenset(_NETWORK + _VIRTUAL)
"""Types of file systems whose files other machines change, which the kernel does not report. 9p and drvfs
are Windows' folders in WSL, osxfs and fakeowner those of Docker's virtual machine."""


def silent_type(mountinfo: str, path: str) -> str:
    """Return the type of the file system of a path if changes on it may be missed; '' if not.

    Args:
        mountinfo: text of ``/proc/self/mountinfo`` (proc(5)).
        path: absolute, without links.
    """
    above = [(point, kind) for point, kind in _mounts(mountinfo) if _is_below(path, point)]
    # The longest is the nearest; of two at one place the later one hides the other.
    kind = max(enumerate(above), key=lambda entry: (len(entry[1][0]), entry[0]))[1][1] if above else ""
    return kind if kind in SHARED or kind == "fuse" or kind.startswith("fuse.") else ""


def _mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 4 and after:  # noqa: PLR2004 - the fifth field is the place
            yield _unescaped(fields[4]), after.split()[0]


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _is_below(path: str, point: str) -> bool:
    return point in ("/", path) or path.startswith(f"{point}/")
