-- Version 2: press tests that were asked for at a console.

CREATE TABLE press_test (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    bell_id      TEXT NOT NULL REFERENCES bell (bell_id),
    site         TEXT NOT NULL,
    by           TEXT NOT NULL,              -- who asked for it
    minutes      INTEGER NOT NULL,
    begun_ms     INTEGER NOT NULL,
    command      TEXT NOT NULL,              -- 16 hex digits, by which the bell's answer is known; '': nothing was sent
    end_command  TEXT NOT NULL,              -- the same of what ends its test mode
    state        TEXT NOT NULL,              -- see core/press_test.py
    version      INTEGER NOT NULL,
    tries        INTEGER NOT NULL,
    confirmed_ms INTEGER,
    reason       TEXT,                       -- why the bell refused
    signal       INTEGER REFERENCES signal (id), -- the press
    pressed_ms   INTEGER,                    -- when that was received: the signal loses it by retention
    shown_ms     INTEGER,
    shown_by     TEXT,
    ended_ms     INTEGER
);
-- One at a time: a bell is in test mode or it is not.
CREATE UNIQUE INDEX press_test_running ON press_test (bell_id) WHERE ended_ms IS NULL;
CREATE UNIQUE INDEX press_test_command ON press_test (command) WHERE command <> '';
CREATE UNIQUE INDEX press_test_end ON press_test (end_command) WHERE end_command <> '';
CREATE INDEX press_test_bell ON press_test (bell_id, id);
CREATE INDEX press_test_begun ON press_test (begun_ms);
