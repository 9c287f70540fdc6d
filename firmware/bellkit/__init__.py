"""The installer's kit: what a person with a laptop does to a bell. Today it reads enrolment files.

Of the gateway it knows the enrolment file's format and nothing else, so that it works far away from any gateway.
"""

__version__ = "0.1.0"
