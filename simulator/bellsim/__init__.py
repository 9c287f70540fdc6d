"""Hosts the real bellnode and the real bellgate under simulated hardware and network.

cli           the program `bellsim`
demo          a press that travels the whole way, live in a terminal, with keys
story         the same played by itself, each stage read back from the bell's lamp
powercut      the power goes at every program and erase of the flash; cuts: its worker, storage: the flash
latency       press to journal, and to `stored` on the lamp, many times
faults        one thing breaks: broker restart, frozen broker, dead flash
outage        half an hour without network, on a clock that is moved on
year/         a year of policies, people and faults, fast-forwarded through the real gateway
world/        the whole system on virtual time, broken by a seed, and what must hold all the same
load/         a day of what 2,000 bells send, on a clock that is moved on: memory, and the database's growth
heap          the smallest Python heap that the whole firmware lives in; rom: the firmware as a chip holds it
fleet         many bells at once; nursery: how they are started
goals         figures held against what they have to reach
screen        how the story looks: JSON lines, words, a table of the bells
hops          how far a press has come, with milliseconds
dispatcher    a scripted dispatcher who works through the gateway's HTTP API
bench         a scratch installation with three bells in Seongsu-dong
programs      the real programs as processes: gateway, mosquitto, commands
bell          one bell: its own process, a pty as its UART, a folder as its flash
runtime       which interpreter runs a bell, and what the bell can import
desk          one bell with a cable that anybody can plug into; portfuzz: rubbish on that cable
bus           through which the bells' simulated pins, lamp and radio talk to the simulator
network       a TCP proxy between a bell and its broker: the cable that can be cut
board/        what a bell imports as `machine`, `network`, `esp32`, `neopixel`; runs inside the bell's process
"""
