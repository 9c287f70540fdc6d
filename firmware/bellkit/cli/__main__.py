"""`python -m bellkit.cli`."""

from bellkit.cli.app import main

if __name__ == "__main__":
    main()
