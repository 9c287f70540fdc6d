"""The bell's firmware. Runs unchanged on MicroPython (ESP32, unix) and CPython.

Pure, no clock, no input or output: time comes in as `*_ms`, effects go out as tuples.

    button      level edges -> press, hold, release
    alarm       what a press has come to: the rungs of the lamp, one literal table
    outbox      events that still lack a receipt: identity, resends, suspicion
    health      the heartbeat and when it is due
    clock       the gateway's time, and how well we know it
    latch       edges between the interrupt and the loop
    indicator   state -> lamp, sounder, strobe and siren, one literal table; player plays it on a board
    patterns    presses -> single, double, hold, stuck; before it testmode, behind it cancel (the window)
    contacts    wired lines -> open, closed, cut, short, offline
    power       mains and battery
    keypad      keys -> wishes
    homeset     arming, delays, code, check-in; with arming, homeset_config, pin, checkin. For a home set only
    command     whether a command is to be run
    settings    settings.json: each key checked, each with a safe default; boards: pin maps as data
    daily       the hour on the wall: dimmer at night, the daily self-test
    node        all of these joined: step(state, input, now_ms) -> (state, effects). Its parts: happen (an event),
                sense (inputs), answers (receipts), orders (commands, settings on trial), scene (outputs)
    mqtt        MQTT 3.1.1 packets as bytes, and back
    link_state  which broker, when, and when to give it up
    ladder      what to do about a network where nobody answers: dns, wifi, radio
    addresses   which address to try, and when DNS has to be asked
    table       literal tables of states, as texts
    loan        what is needed seldom is loaded when it is, and gone afterwards
    life        crashes, safe mode, and when the watchdog may be fed

    port        the serial port: who may ask for what, and when; port_events: what a watcher is told
    improv      Improv Wi-Fi Serial, the device's side

The edges of the world:

    cable       the serial port while somebody speaks; exam: its operations; probe: one broker step by step
    enrol       an identity comes and goes, on flash
    blank       the bell that has none
    config      the enrolment file; brokers: its lists of brokers and networks
    staged      settings.json, and a candidate on trial
    memory      what is remembered over a restart besides the events
    journal     events, in the ring or in files that survive a power cut; its self-test
    ring        the journal on a raw flash partition, whatever device that is; ring_format: its bytes
    starts      how many starts there were, how they ended, and the last exception
    watch       tasks that begin again, the watchdog, the heap
    names       DNS, and addresses that are kept
    wifi        joins networks, and climbs the ladder
    tls         a verified stream to a broker; tls_cpython: what CPython needs for that
    link        a connection with deadlines around `mqtt` and `link_state`
    board       pins, lamp, radio; the only module that imports machine, network, esp32 and neopixel
    app         carries out the node's effects
"""

VERSION = "0.1.0"
