-- Version 1. Every time is Unix milliseconds on the gateway's clock unless its name says otherwise.
-- INTEGER PRIMARY KEY: one more than the highest that is there. With AUTOINCREMENT: one more than the highest that ever
-- was; only where rows are removed and a number must not come again, because it costs a page in every commit.

-- A bell that may speak. One key and one certificate each; the key is needed to verify, so it is kept, not hashed.
CREATE TABLE bell (
    bell_id      TEXT PRIMARY KEY,
    site         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    address      TEXT NOT NULL,
    floor        TEXT NOT NULL DEFAULT '',
    entrance     TEXT NOT NULL DEFAULT '',   -- which door, its code, where the key is
    approach     TEXT NOT NULL DEFAULT '',   -- what whoever goes there must know: "siren off, back door, dog"
    confirmed_ms INTEGER,                    -- when a person found address and position right; null: never
    confirmed_by TEXT,
    lat          REAL,
    lon          REAL,
    key          BLOB NOT NULL,
    key_number   INTEGER NOT NULL DEFAULT 0,
    fingerprint  TEXT NOT NULL,              -- SHA-256 of its certificate, hex
    state        TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'revoked')),
    enrolled_ms  INTEGER NOT NULL,
    revision     INTEGER NOT NULL,           -- rises with every change of any bell: the broker's permissions follow it
    once_sha256  TEXT,                       -- of the enrolment file's one-time secret; null once it was heard
    other_key    BLOB,                       -- during a rotation: the key that is not in use, or not yet
    other_until_ms INTEGER,                  -- until when that one counts; null: until it is used
    replaces     TEXT,                       -- bell_id of the identity that this one takes the place of
    wiped_ms     INTEGER                     -- somebody moved out: what is left of the place goes with its incidents
);
CREATE INDEX bell_replaces ON bell (replaces) WHERE replaces IS NOT NULL;

-- Whose bell it is: an owner sees these and no others.
CREATE TABLE bell_owner (
    bell_id  TEXT NOT NULL REFERENCES bell (bell_id),
    operator TEXT NOT NULL,
    PRIMARY KEY (operator, bell_id)
);

-- Certificates of bells that were proved on the wall, signed by the gateway; they go with the place (see wipe).
CREATE TABLE commissioning (
    id         TEXT PRIMARY KEY,             -- 32 hex digits, made by the kit: posting it twice stores it once
    bell_id    TEXT NOT NULL REFERENCES bell (bell_id),
    stored_ms  INTEGER NOT NULL,
    made_ms    INTEGER NOT NULL,             -- by the kit's clock
    posted_by  TEXT NOT NULL,
    by         TEXT NOT NULL,                -- who stood on the ladder, as typed there
    passed     INTEGER NOT NULL,             -- what the kit says
    lacks      TEXT NOT NULL,                -- JSON list: what the gateway misses; [] is complete
    kit_key    TEXT NOT NULL,                -- SHA-256 of the kit's public key, hex
    document   TEXT NOT NULL                 -- JSON, signed
);
CREATE INDEX commissioning_bell ON commissioning (bell_id, stored_ms);

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
    claimed_seq    INTEGER NOT NULL DEFAULT 0,  -- so many events it says it has sent, and it has none left to send
    lost           INTEGER NOT NULL DEFAULT 0,  -- of them never arrived, as the trouble list was told
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
    folds_by         TEXT NOT NULL,          -- "bell/b-7f3a" or "home/seongsu-012": whose signals join it while open
    handling         TEXT NOT NULL,
    stage            TEXT NOT NULL,          -- the highest that the bell has been told; never falls
    version          INTEGER NOT NULL,       -- optimistic lock: a command names the version it was made on
    signals          INTEGER NOT NULL,
    cancel_asked     INTEGER NOT NULL,
    restored         INTEGER NOT NULL,
    tampered         INTEGER NOT NULL,       -- the bell was attacked during the alarm
    opened_ms        INTEGER NOT NULL,
    last_signal_ms   INTEGER NOT NULL,
    first_signal     INTEGER NOT NULL,       -- receipt numbers; a merged incident's signals are in the other one
    last_signal      INTEGER NOT NULL,
    owner            TEXT,
    offered_to       TEXT,
    lease_until_ms   INTEGER,
    disposition      TEXT,
    closed_ms        INTEGER,
    merged_into      INTEGER,                -- incident.id: the same emergency, its signals are there
    policy           TEXT NOT NULL,
    escalation_step  INTEGER NOT NULL,
    escalation_round INTEGER NOT NULL,
    escalation_from_ms INTEGER NOT NULL      -- the steps of the policy count from here
);
-- One open case per bell or home, tests apart from real alarms.
CREATE UNIQUE INDEX incident_open ON incident (folds_by, test) WHERE handling <> 'closed';
CREATE INDEX incident_folds ON incident (folds_by, id);
CREATE INDEX incident_merged ON incident (merged_into) WHERE merged_into IS NOT NULL;
-- What became of a bell's alarms.
CREATE INDEX incident_closed ON incident (bell_id, closed_ms) WHERE handling = 'closed';

-- One row per press, for ever. The identity is UNIQUE: that is the deduplication. `id` is the receipt number.
CREATE TABLE signal (
    id               INTEGER PRIMARY KEY,
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
CREATE INDEX signal_test ON signal (bell_id, id) WHERE what = 'test';

-- What must happen at a time: escalation, lease, supervision, clearing. One row per kind and subject.
CREATE TABLE due (
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,            -- incident number, bell_id, …
    due_ms         INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    holder         INTEGER NOT NULL DEFAULT 0, -- gateway.number of whoever took the lease
    PRIMARY KEY (kind, subject)
);
CREATE INDEX due_time ON due (due_ms);

-- The outbox: one row per message to one target. `id` is the idempotency key (webhook-id).
CREATE TABLE delivery (
    number         INTEGER PRIMARY KEY, -- the order of making
    id             TEXT NOT NULL UNIQUE,
    target         TEXT NOT NULL,
    type           TEXT NOT NULL,            -- ansimbell.signal, ansimbell.incident or ansimbell.trouble
    incident_id    INTEGER REFERENCES incident (id),
    signal_id      INTEGER REFERENCES signal (id),
    trouble_id     INTEGER,                  -- trouble.id, of a message about that
    press          TEXT,                     -- of a message about a signal: BELL/BOOT/SEQ, as in the log
    round          INTEGER NOT NULL,
    body           TEXT NOT NULL,            -- exactly what is sent, every time
    state          TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'delivered', 'displayed', 'failed', 'dead')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    created_ms     INTEGER NOT NULL,
    due_ms         INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    holder         INTEGER NOT NULL DEFAULT 0, -- gateway.number of whoever took the lease
    ended_ms       INTEGER,
    last_error     TEXT,
    kept           TEXT,                     -- what the target needs again for a retry: a sequence number, an identifier
    proof          TEXT                      -- what came back: a status line, a receiver's frame, an identifier
);
CREATE INDEX delivery_open ON delivery (target, due_ms) WHERE state IN ('pending', 'sending', 'failed');
CREATE INDEX delivery_incident ON delivery (incident_id, target);

-- Things the operator must know; never mixed with alarms. Many of one kind in one area stand in a common line.
CREATE TABLE trouble (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,                -- a bell, a target, an area ("seongsu-*") …
    detail     TEXT NOT NULL,                -- in English; people read it in their language, made of kind and info
    info       TEXT NOT NULL,                -- JSON: the values in that text
    state      TEXT NOT NULL CHECK (state IN ('rising', 'open', 'falling', 'cleared')), -- shown while open or falling
    raised_ms  INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    count      INTEGER NOT NULL,             -- how often it was said; of a common line: how many have stood in it
    cleared_ms INTEGER,
    bell_id    TEXT,                         -- whose trouble it is, if a bell's
    site       TEXT,                         -- where that bell hangs
    area       TEXT,                         -- and in which area that is
    gathers    INTEGER NOT NULL DEFAULT 0,   -- this is the common line of an area
    part_of    INTEGER                       -- trouble.id of the common line in which this one stands; null: alone
);
CREATE UNIQUE INDEX trouble_open ON trouble (kind, subject) WHERE cleared_ms IS NULL;
CREATE INDEX trouble_area ON trouble (kind, area) WHERE cleared_ms IS NULL;
CREATE INDEX trouble_part ON trouble (part_of) WHERE cleared_ms IS NULL;
CREATE INDEX trouble_bell ON trouble (bell_id) WHERE cleared_ms IS NULL;
CREATE INDEX trouble_cleared ON trouble (cleared_ms) WHERE cleared_ms IS NOT NULL;

-- Refused messages, counted by reason.
CREATE TABLE refusal (
    reason  TEXT PRIMARY KEY,
    count   INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
);

-- Who did what. Append-only; each row holds the hash of the one before, so that a changed row is found.
CREATE TABLE audit (
    id          INTEGER PRIMARY KEY,
    at_ms       INTEGER NOT NULL,
    incident_id INTEGER,
    by          TEXT NOT NULL,
    act         TEXT NOT NULL,
    detail      TEXT NOT NULL,               -- JSON object
    hash        TEXT NOT NULL                -- SHA-256 over the previous hash and this row, hex
);
CREATE INDEX audit_incident ON audit (incident_id);

-- What must not be removed although its time is over: somebody has said so, by name.
CREATE TABLE legal_hold (
    incident_id INTEGER NOT NULL PRIMARY KEY,
    by          TEXT NOT NULL,
    reason      TEXT NOT NULL,
    since_ms    INTEGER NOT NULL
);

-- People and programs.
CREATE TABLE operator (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    areas         TEXT NOT NULL DEFAULT '[]', -- JSON list of sites, "seongsu-*" among them; empty: all
    password_hash TEXT NOT NULL,             -- argon2id
    password_due  INTEGER NOT NULL DEFAULT 0, -- 1: somebody else knows it, so it must be changed at the next sign-in
    created_ms    INTEGER NOT NULL,
    signed_in_ms  INTEGER,                   -- the last time; null: never
    disabled_ms   INTEGER,                   -- since when the person may not sign in; null: may
    totp_secret   TEXT,                      -- base32; null: no second factor by an authenticator
    totp_pending  TEXT,                      -- a secret that was shown and not yet confirmed by a code
    totp_step     INTEGER NOT NULL DEFAULT 0 -- the newest 30 s step whose code was used: none works twice
);
-- A key of a person's phone, computer or security token (WebAuthn); its private half never leaves that device.
CREATE TABLE passkey (
    credential_id TEXT PRIMARY KEY,          -- base64url
    operator      TEXT NOT NULL REFERENCES operator (name),
    public_key    TEXT NOT NULL,             -- COSE, base64url
    sign_count    INTEGER NOT NULL,
    label         TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    used_ms       INTEGER
);
CREATE INDEX passkey_operator ON passkey (operator);
CREATE TABLE session (
    token_hash   TEXT PRIMARY KEY,           -- SHA-256, hex: the token itself is only in the browser
    operator     TEXT NOT NULL REFERENCES operator (name),
    csrf         TEXT NOT NULL,
    address      TEXT NOT NULL DEFAULT '',   -- where it was opened, so that a person knows the own ones
    agent        TEXT NOT NULL DEFAULT '',   -- and with which browser
    created_ms   INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL
);
CREATE TABLE token (
    token_hash TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    areas      TEXT NOT NULL DEFAULT '[]',
    created_ms INTEGER NOT NULL
);

-- A console in somebody's watch. It is attended only as long as its page proves it: see core/attendance.py.
CREATE TABLE desk (
    id           TEXT PRIMARY KEY,           -- random; known to its page alone
    operator     TEXT NOT NULL,
    console      TEXT NOT NULL,              -- which page, for people: "page-1f3a"
    areas        TEXT NOT NULL,              -- the operator's
    condition    TEXT NOT NULL,              -- begun, attended, deaf, absent, silent or ended
    begun_ms     INTEGER NOT NULL,
    heard_ms     INTEGER,                    -- when the person said that the sound is heard
    proved_ms    INTEGER NOT NULL,           -- the newest proof of the page
    signed_ms    INTEGER NOT NULL,           -- the newest sign of the person
    audio_ms     INTEGER NOT NULL DEFAULT 0, -- where its audio clock stood then
    ended_ms     INTEGER
);
CREATE INDEX desk_open ON desk (operator) WHERE ended_ms IS NULL;

-- The gateways that share this database: one, or several on a PostgreSQL. What a killed one held, another takes over.
CREATE TABLE gateway (
    id         TEXT PRIMARY KEY,             -- gateway.id
    number     INTEGER NOT NULL UNIQUE,      -- of its present start; a new one each time
    started_ms INTEGER NOT NULL
);

-- Small facts of the gateway itself: the canary's last trip, when it last listened.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
