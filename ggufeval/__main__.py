"""`python -m ggufeval`."""

from ggufeval.cli import main

if __name__ == "__main__":
    main()
