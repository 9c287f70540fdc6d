"""`bellsim report`: runs what measures and breaks the system, keeps the answers, writes docs/reliability.md.

figures    which commands there are, in the order of the page
measure    runs one and keeps its answer in docs/figures
promises   docs/promises.toml: every promise, and what holds it
page       the page; charts: its pictures
commands   the command line
"""
