"""A day of what many bells send, through the real gateway on a clock that is moved on: does it keep its size?

load      the day: time, what comes next, and the result
plan      what happens in it, from a seed
estate    the installation; the street with its bells, and their links
house     the gateway's parts in a process of their own, and what is measured of them
reached   that process, as bells and people reach it
growth    how large the database is, table by table
verdict   what counts as flat: slopes of samples, and limits with their reasons. Pure
"""
