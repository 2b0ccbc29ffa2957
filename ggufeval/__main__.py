"""The command line, and what loads it: `ggufeval`, and `python -m ggufeval`."""

import signal
import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is being loaded leaves with 130, as later."""
    try:
        from ggufeval import cli

        cli.main()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(130)


if __name__ == "__main__":
    main()
