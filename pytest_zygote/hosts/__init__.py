"""One run over several machines: collected here, run by the daemons of hosts that ssh reaches.

================  ===================================================================================
`plugin`          hooks of pytest: whether a run takes part
`dispatcher`      performs what `core.hosts.dispatch` decides
`host_group`      all of them: reached, compared, given the tree, left
`remote_host`     one host as the client reaches it, over ssh
`engine`          Dask distributed: what hosts are to do, and what they report
`event_replay`    shows what hosts report
`agent`           the process on a host that the client starts
`host_run`        the run on a host, as its agent sees it
`hosted_session`  the run on a host, as a plugin of its session
`tree_files`      the files of a tree: listed, packed, unpacked
`host_setup`      the command that makes the environment on a host
`facts`           what an interpreter says of its environment
`frames`          messages between these processes
================  ===================================================================================
"""
