"""Times as they are compared: exact, or "now".

What a build makes has the time when it was made. Such a time is not the same in
two runs, but it lies between the start of the case and the end of the build; it is
written as "now" in a record and must be "now" again. Any other time is compared
as it is. So a file that should keep its time and got that of the build is a
difference, and so is the reverse.
"""
import calendar
import re
import time

# The clock of file systems runs a little behind that of the system.
BEHIND = 0.1


class Window:
    """From when a case began until now."""

    def __init__(self):
        self.begin = int(time.time() - BEHIND)
        self.end = None

    def close(self):
        self.end = int(time.time()) + 1     # some archives round to the nearest second
        return self

    def holds(self, seconds):
        return self.begin <= seconds <= self.end

    def stamp(self, value):
        """A file's time: a number of seconds, a text if it has a fraction."""
        return "now" if self.holds(int(float(value))) else value

    def date(self, text):
        """A time of a JSON document."""
        m = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z$", text) if isinstance(text, str) else None
        if not m:
            return text
        seconds = calendar.timegm(time.strptime(m.group(1), "%Y-%m-%dT%H:%M:%S"))
        return "now" if self.holds(seconds) else text


class Never(Window):
    """For what was made before: all its times are exact."""

    def __init__(self):
        super().__init__()

    def holds(self, seconds):
        return False


def seconds(whole, nanoseconds):
    """1700000000, or "1700000000.25"."""
    if not nanoseconds:
        return whole
    return "%d.%s" % (whole, ("%09d" % nanoseconds).rstrip("0"))


def from_text(text):
    """From a pax header."""
    whole, _, fraction = text.partition(".")
    return seconds(int(whole), int((fraction + "000000000")[:9]) if fraction else 0)
