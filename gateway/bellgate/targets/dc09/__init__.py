"""SIA DC-09: alarms and troubles to an alarm receiving centre, over TCP or TLS, to one receiver or two.

frame      the bytes out (siadc09 encodes) and the replies in; pure
report     a message of the outbox as code, point and x-data; pure
exchange   one frame over the receivers, until an ACK or the end; pure, a table
path       is a receiver there? supervision by NULL frames; pure, a table
line       one connection: one frame in flight
target     `Dc09`: joins them for the engine
"""

from bellgate.targets.dc09.target import Dc09

__all__ = ("Dc09",)
