"""Strict doubles of the platforms that audiences are sent to.

They are built from the public API reference alone and share no code with the clients that they
test, so that a misreading on one side cannot hide on the other:

* `hubspot`: contacts, MANUAL lists, subscription statuses, properties and tokens, in the legacy
  (`v3`, `v4`) and the dated (`2026-03`, `2026-09`) paths side by side;
* `dropbox`: a mail house that picks up files with a manifest from a folder and acknowledges them.

Both misbehave on request (`faults`), and show what they hold under `/_sandbox/`.
"""
