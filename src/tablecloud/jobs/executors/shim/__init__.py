"""Supervise one attempt of a job, outliving the server that started it.

This package is compiled and copied into the attempt's folder and runs from there, so that upgrading the
server does not disturb it. It imports nothing but the standard library, and of that nothing slow:
dataclasses and typing alone would double its start. The server imports it too, for the names of the files
and what it knows of `/proc`.

The folder is the whole protocol. The server writes `spec.json` and later perhaps `stop`; the supervisor
writes

    lock         held (flock) as long as it lives: the only proof of life
    started      created with O_EXCL: whoever finds it there is a second start and leaves
    state.json   what is known now; replaced by rename
    log/         segments named after the offset of their first byte (`output.SegmentLog`)
    exit.json    the last state; tmp, fsync, rename. Nothing of the attempt runs any more, its log is complete

Contract: ml-jobs-service 5.2 points 3-9. Linux only.
"""
