"""A year of policy time, fast-forwarded: the real pipeline, engine and store on a clock that is moved on.

town      the gateway's settings, its bells, and who is on duty by the town's own reckoning
gate      the gateway: started, killed, ticked; targets that are sometimes away
people    what bells and people do, from a seed: press, look, acknowledge, forget, hand over, merge, close
overseer  what must never happen; asks the database and the messages, never the code that it judges
year      time: what comes next, and the result
"""
