"""The entry point: run the command, turn what escapes it into words and the exit code of the one table."""

from __future__ import annotations

import sys


def main() -> None:
    """The process has ended with the exit code of the outcome."""
    try:
        from chaoskit.cli.app import main as run_cli
    except ImportError as error:
        # Not even the command line can be loaded: no table, no colours, the code for a bug all the same.
        sys.stderr.write(
            f"error  chaoskit is not installed completely: {error}\n       fix: install it again with pip\n"
        )
        sys.exit(70)
    sys.exit(run_cli(sys.argv[1:]))


if __name__ == "__main__":
    main()
