-- Version 1. Every time is Unix milliseconds on the gateway's clock unless its name says otherwise.

-- A bell that may speak. One key and one certificate each; the key is needed to verify, so it is kept, not hashed.
CREATE TABLE bell (
    bell_id      TEXT PRIMARY KEY,
    site         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    address      TEXT NOT NULL,
    lat          REAL,
    lon          REAL,
    key          BLOB NOT NULL,
    key_number   INTEGER NOT NULL DEFAULT 0,
    fingerprint  TEXT NOT NULL,              -- SHA-256 of its certificate, hex
    state        TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
    enrolled_ms  INTEGER NOT NULL,
    revision     INTEGER NOT NULL            -- rises with every change of any bell: the broker's permissions follow it
);

-- What is known of a bell's life: the newest heartbeat.
CREATE TABLE presence (
    bell_id       TEXT PRIMARY KEY REFERENCES bell (bell_id),
    boot          TEXT,
    n             INTEGER NOT NULL DEFAULT 0,
    online        INTEGER NOT NULL DEFAULT 0,
    greeted       INTEGER NOT NULL DEFAULT 0,
    last_seen_ms  INTEGER,
    health        TEXT                       -- JSON: the last heartbeat's fields
);

-- Every start of a bell that was ever heard: replays of an older one cannot fake a living bell.
CREATE TABLE bell_boot (
    bell_id        TEXT NOT NULL REFERENCES bell (bell_id),
    boot           TEXT NOT NULL,
    first_heard_ms INTEGER NOT NULL,
    superseded     INTEGER NOT NULL DEFAULT 0,
    stored         INTEGER NOT NULL DEFAULT 0,  -- events of this start that are in `signal`
    highest_seq    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bell_id, boot)
);

-- A case that people handle.
CREATE TABLE incident (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    bell_id          TEXT NOT NULL REFERENCES bell (bell_id),
    site             TEXT NOT NULL,
    what             TEXT NOT NULL,
    test             INTEGER NOT NULL,
    priority         INTEGER NOT NULL,
    silent           INTEGER NOT NULL,
    duress           INTEGER NOT NULL,
    handling         TEXT NOT NULL,
    stage            TEXT NOT NULL,          -- the highest that the bell has been told; never falls
    version          INTEGER NOT NULL,       -- optimistic lock: a command names the version it was made on
    signals          INTEGER NOT NULL,
    cancel_asked     INTEGER NOT NULL,
    restored         INTEGER NOT NULL,
    opened_ms        INTEGER NOT NULL,
    last_signal_ms   INTEGER NOT NULL,
    last_signal      INTEGER NOT NULL,
    owner            TEXT,
    offered_to       TEXT,
    lease_until_ms   INTEGER,
    disposition      TEXT,
    closed_ms        INTEGER,
    policy           TEXT NOT NULL,
    escalation_step  INTEGER NOT NULL,
    escalation_round INTEGER NOT NULL
);
-- One open case per bell, tests apart from real alarms.
CREATE UNIQUE INDEX incident_open ON incident (bell_id, test) WHERE handling <> 'closed';

-- One row per press, for ever. The identity is UNIQUE: that is the deduplication. `id` is the receipt number.
CREATE TABLE signal (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    bell_id          TEXT NOT NULL REFERENCES bell (bell_id),
    boot             TEXT NOT NULL,
    seq              INTEGER NOT NULL,
    what             TEXT NOT NULL,
    state            TEXT NOT NULL,
    zone             INTEGER,
    age_ms           INTEGER,
    attempt          INTEGER NOT NULL,
    info             TEXT NOT NULL,          -- JSON object
    received_ms      INTEGER NOT NULL,
    occurred_ms      INTEGER NOT NULL,
    occurred_err_ms  INTEGER,                -- null: any time before occurred_ms
    occurred_source  TEXT NOT NULL,          -- bell, age or received
    late             INTEGER NOT NULL,
    clock_unsure     INTEGER NOT NULL,
    stage            TEXT NOT NULL,          -- what this event's receipts have said
    incident_id      INTEGER REFERENCES incident (id),
    arrivals         INTEGER NOT NULL DEFAULT 1,
    UNIQUE (bell_id, boot, seq)
);
CREATE INDEX signal_incident ON signal (incident_id);

-- What must happen at a time: escalation, lease, supervision, clearing. One row per kind and subject.
CREATE TABLE due (
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,            -- incident number, bell_id, …
    due_ms         INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX due_time ON due (due_ms);

-- The outbox: one row per message to one target. `id` is the idempotency key (webhook-id).
CREATE TABLE delivery (
    id             TEXT PRIMARY KEY,
    target         TEXT NOT NULL,
    type           TEXT NOT NULL,            -- ansimbell.signal or ansimbell.incident
    incident_id    INTEGER REFERENCES incident (id),
    signal_id      INTEGER REFERENCES signal (id),
    round          INTEGER NOT NULL,
    body           TEXT NOT NULL,            -- exactly what is sent, every time
    state          TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'delivered', 'displayed', 'failed', 'dead')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    created_ms     INTEGER NOT NULL,
    due_ms         INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    ended_ms       INTEGER,
    last_error     TEXT
);
CREATE INDEX delivery_open ON delivery (target, due_ms) WHERE state IN ('pending', 'sending', 'failed');
CREATE INDEX delivery_incident ON delivery (incident_id);

-- Things the operator must know; never mixed with alarms.
CREATE TABLE trouble (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    raised_ms  INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    cleared_ms INTEGER
);
CREATE UNIQUE INDEX trouble_open ON trouble (kind, subject) WHERE cleared_ms IS NULL;

-- Refused messages, counted by reason.
CREATE TABLE refusal (
    reason  TEXT PRIMARY KEY,
    count   INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
);

-- Who did what. Append-only; each row holds the hash of the one before, so that a changed row is found.
CREATE TABLE audit (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms       INTEGER NOT NULL,
    incident_id INTEGER,
    by          TEXT NOT NULL,
    act         TEXT NOT NULL,
    detail      TEXT NOT NULL,               -- JSON object
    hash        TEXT NOT NULL                -- SHA-256 over the previous hash and this row, hex
);
CREATE INDEX audit_incident ON audit (incident_id);

-- People and programs.
CREATE TABLE operator (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,             -- argon2id
    created_ms    INTEGER NOT NULL
);
CREATE TABLE session (
    token_hash   TEXT PRIMARY KEY,           -- SHA-256, hex: the token itself is only in the browser
    operator     TEXT NOT NULL REFERENCES operator (name),
    csrf         TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL
);
CREATE TABLE token (
    token_hash TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);

-- Small facts of the gateway itself: the canary's last trip, when it last listened.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
