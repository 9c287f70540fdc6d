"""`bellsim chaos`: real processes, broken on purpose while bells are pressed, and what must hold all the same.

kills         `--kills N`: gateways are killed; light bells, many presses. Judged by `reckoning`
campaign      `--minutes M`: everything is broken, with real bells. Planned by `plan`, judged by `verdict`
installation  gateways, broker and database of both; waiting: for something, with a deadline
"""
