"""The command line: `bellkit COMMAND …`.

    app        the program, the options that several commands share, and how an error is told
    bringing   flash wifi enrol wipe commission
    looking    ports diag log inspect
    proving    walktest report

Exit codes: 0 done, and nothing stops this bell · 1 an error that the text explains · 2 wrong usage · 3 the bell is not
fit: the diagnosis names what stops it, or its walk test failed · 130 interrupted.
"""

from bellkit.cli.app import main

__all__ = ("main",)
