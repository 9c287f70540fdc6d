"""The command line: `bellgate COMMAND …`.

    app            the program, its options, which module has which command, and how an error is told
    setting_up     init enrol revoke token mosquitto
    looking        bells incidents
    checking       check
    bells_csv      bells export, bells import
    bell_life      bell …
    installing     route portcode bundle bundle-sync
    keeping        backup restore hold
    recording      export audit
    people         operator …
    policies       policy explain
    operating      doctor systemd dashboard
    running        run

Exit codes: 0 done · 1 an error that the text explains · 2 wrong usage.
"""

from bellgate.cli.app import main

__all__ = ("main",)
