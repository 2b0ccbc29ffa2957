"""The command line from its first moment on: `ggufeval`, and `python -m ggufeval`."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is being loaded leaves with 130, as later."""
    try:
        from ggufeval import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
