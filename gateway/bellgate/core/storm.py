"""Many bells with the same trouble in one area are one line with the bells in it: a street without power.

An area is the common beginning of the names of its sites: "seongsu-012" lies in "seongsu-*". Alarms never come here.
A line forms when FORM_AT troubles of one kind began in the area within FORM_WITHIN_MS, and then takes in every
further one. Its bells clear one by one; when few are left they stand alone again, each with its name.
"""

# Four bells may fail in one afternoon by chance; five within five minutes have one cause.
FORM_AT = 5
FORM_WITHIN_MS = 300_000
# Well below FORM_AT, so that a bell that comes and goes does not make and break the line.
APART_AT = 2

ALONE, FORM, JOIN = "alone", "form", "join"
KEEP, APART = "keep", "apart"


def area(site: str) -> str:
    """Of a site; "*" is in no site's name, so an area is never taken for a bell. A site without "-" is its own."""
    head, dash, _ = site.rpartition("-")
    return f"{head}-*" if dash and head else f"{site}/*"


def opened(gathered: bool, alone: int) -> str:
    """One more line opens. gathered: its area has a common line; alone: how many stand alone there, this one
    included, that began within FORM_WITHIN_MS."""
    if gathered:
        return JOIN
    return FORM if alone >= FORM_AT else ALONE


def closed(left: int) -> str:
    """A bell of a common line is well again; left: how many are not."""
    return APART if left <= APART_AT else KEEP
