"""Where changes of files are reported, and where they must be looked for."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.file_systems import silent_type

MOUNTS = r"""
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/root rw
40 22 0:35 / /home/me/share rw,nosuid - nfs4 server:/export rw
41 40 259:2 /srv /home/me/share/local rw,relatime - ext4 /dev/root rw
42 22 0:36 / /mnt/c rw,noatime - 9p C:\134 rw
43 22 0:37 / /srv rw - fuse.grpcfuse grpcfuse rw
44 22 0:38 / /over rw - overlay overlay rw
45 22 0:39 / /with\040space rw - virtiofs tag rw
46 22 0:40 / /twice rw - nfs server:/ rw
47 22 0:41 / /twice rw - tmpfs none rw
48 22 0:42 / /plain rw - fuse sshfs rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/me/project", ""),
        ("/home/me/share", "nfs4"),
        ("/home/me/share/project", "nfs4"),
        ("/home/me/shared", ""),
        ("/home/me/share/local/project", ""),
        ("/mnt/c/project", "9p"),
        ("/srv/project", "fuse.grpcfuse"),
        ("/over/project", ""),
        ("/with space/project", "virtiofs"),
        ("/twice/project", ""),
        ("/plain/project", "fuse"),
    ],
)
def test_the_nearest_mount_counts(path: str, expected: str) -> None:
    """Also where a local folder is mounted inside of a share, and where one mount hides another."""
    assert silent_type(MOUNTS, path) == expected


@pytest.mark.parametrize("text", ["", "not a mount", "1 2 3 - ext4"])
def test_what_cannot_be_read_is_local(text: str) -> None:
    """A system without the file has other means."""
    assert not silent_type(text, "/home")
