"""Runs on a real MicroPython: the raw REPL of a board, on standard input and output. The unix port has none.

As pyexec.c of MicroPython speaks it, for mpremote: ^A raw, ^B friendly, ^D run; then OK, output, 04, exception, 04, >.
A soft reset is what it is for a board: the globals are new.
"""

import io
import sys

IN, OUT = sys.stdin.buffer, sys.stdout.buffer
RAW = b"raw REPL; CTRL-B to exit\r\n"


def say(data):
    OUT.write(data)


def run(code, scope):
    say(b"OK")
    told = b""
    try:
        exec(compile(code, "<stdin>", "exec"), scope)
    except SystemExit:
        raise
    except BaseException as fault:
        text = io.StringIO()
        sys.print_exception(fault, text)
        told = text.getvalue().encode()
    say(b"\x04" + told + b"\x04>")


def main():
    raw = False
    held = b""
    scope = {"__name__": "__main__"}
    say(b"MicroPython\r\n>>> ")
    while True:
        sign = IN.read(1)
        if not sign:
            return
        if sign == b"\x01":
            raw, held = True, b""
            say(b"\r\n" + RAW + b">")
        elif sign == b"\x02":
            raw = False
            say(b"\r\nMicroPython\r\n>>> ")
        elif sign == b"\x03":
            held = b""
        elif sign == b"\x04" and raw:
            code, held = held, b""
            if code.startswith(b"\x05A"):
                code = code[2:]
            if code.strip():
                run(code.decode(), scope)
            else:
                scope = {"__name__": "__main__"}
                say(b"OK\r\nMPY: soft reboot\r\n" + RAW + b">")
        elif sign == b"\x05" and raw and not held:
            IN.read(2)
            say(b"R\x00")  # no raw paste: mpremote then takes the plain way
        else:
            held += sign


main()
