"""The command line: one file per command, assembled by `app`; the only place that shows anything."""
