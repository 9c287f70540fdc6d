"""`python -m bellkit.cli`."""

from bellkit.cli.app import main

main()
