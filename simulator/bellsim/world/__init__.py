"""The whole system on virtual time, from a seed: real bellnodes, the real bellgate, and everything around them broken.

plan       a seed becomes a list of what happens; nothing else is drawn before it is played
world      the parts joined; `run` plays one plan
fuzz       many seeds; shrink: of a plan that failed, what is needed; commands: both for the command line
replay     one seed, to be read; picture: to be looked at

What breaks, and never asserts:
loop       time: when nothing is ready it is later; pace: how closely it is played
network    connections; doors: the addresses of the broker; broker: MQTT in virtual time
bell       one bell's firmware as tasks; board: its hardware; inside: where firmware and world meet
gate       the gateway, which can be killed anywhere; store: its database without threads
phones     the targets; people: dispatchers; attacker: somebody without a key
happen     carries out the plan

What asserts, and never breaks:
truth      what really happened
checker    what must always hold; cases: of incidents, people and targets; calls: between a bell and the gateway
"""
