"""What MicroPython starts after boot: the bell."""

from bellnode.app import main

main()
