"""Runs the dual-runtime tests without pytest, which MicroPython lacks: `micropython tests/upy.py [-x] [FILE …]`.

A test is a function test_* without arguments in a file tests/{wire,node}/test_*.py that does not end in _cpython.py.
The exit code is 1 if one failed or if none ran. With -x it ends at the first failure.
"""

import gc
import os
import sys

TESTS = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."


def found():
    for folder in ("wire", "node"):
        try:
            names = sorted(os.listdir(TESTS + "/" + folder))
        except OSError:
            continue
        for name in names:
            if name.startswith("test_") and name.endswith(".py") and not name.endswith("_cpython.py"):
                yield TESTS + "/" + folder + "/" + name


def run(path, first=False):
    """(passed, failed) of one file; first: it ends at the first failure."""
    folder, name = path.rsplit("/", 1) if "/" in path else (".", path)
    sys.path.insert(0, folder)
    counts = [0, 0]
    try:
        module = __import__(name[:-3])
        tests = [(test, getattr(module, test)) for test in sorted(dir(module)) if test.startswith("test_")]
    except Exception as error:  # a file that cannot be imported is a failure of its own
        tests = [("import", lambda error=error: _again(error))]
    for test, function in tests:
        try:
            function()
            counts[0] += 1
        except Exception as error:
            counts[1] += 1
            print("FAILED {}::{}".format(path, test))
            _print_exception(error)
            if first:
                break
    sys.path.pop(0)
    sys.modules.pop(name[:-3], None)  # all of them together leave no room in one piece for a flash
    tests = module = function = None
    gc.collect()
    return counts


def _again(error):
    raise error


def _print_exception(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error)


def main(given):
    first = "-x" in given
    passed = failed = 0
    for path in [path for path in given if path != "-x"] or found():
        counts = run(path, first)
        print("{}: {} passed, {} failed".format(path, counts[0], counts[1]))
        passed += counts[0]
        failed += counts[1]
        if first and failed:
            break
    print("{} passed, {} failed under {}".format(passed, failed, sys.implementation.name))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
