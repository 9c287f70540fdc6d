"""The bell's firmware. Runs unchanged on MicroPython (ESP32, unix) and CPython.

Pure, no clock, no input or output: time comes in as `*_ms`, effects go out as tuples.

    button      level edges -> press, hold, release
    alarm       what a press has come to: the rungs of the lamp, one literal table
    outbox      events that still lack a receipt: identity, resends, suspicion
    health      the heartbeat and when it is due
    clock       the gateway's time, and how well we know it
    latch       edges between the interrupt and the loop
    indicator   rung -> colour and blink, and back
    command     what the gateway may ask of a bell
    node        all of these joined: step(state, input, now_ms) -> (state, effects)
    mqtt        MQTT 3.1.1 packets as bytes, and back
    link_state  which broker, when, and when to give it up

The edges of the world:

    config      the enrolment file
    journal     events and the boot count, in files that survive kill -9
    tls         a verified stream to a broker
    link        a connection with deadlines around `mqtt` and `link_state`
    board       pins, lamp, radio; the only module that imports machine, network, esp32 and neopixel
    app         carries out the node's effects
"""

VERSION = "0.1.0"
