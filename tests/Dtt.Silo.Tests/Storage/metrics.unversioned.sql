-- What the builds before schema versions left: their schema, word for word, and some rows. Never changed: it stands for files that are out there.
-- metrics.db: what runs report. Keys that are there are left alone, so everything may be delivered again. Idempotent: applied at every start.

CREATE TABLE IF NOT EXISTS Series
(
    Id      INTEGER PRIMARY KEY,
    Run     TEXT    NOT NULL,
    Attempt INTEGER NOT NULL,
    Name    TEXT    NOT NULL,
    UNIQUE (Run, Attempt, Name)
);

CREATE TABLE IF NOT EXISTS Metric
(
    Series INTEGER NOT NULL REFERENCES Series (Id),
    Step   INTEGER NOT NULL,
    Value  REAL    NULL, -- null: not a number
    PRIMARY KEY (Series, Step)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS Event
(
    Run     TEXT    NOT NULL,
    Number  INTEGER NOT NULL,
    At      TEXT    NOT NULL,
    Kind    TEXT    NOT NULL,
    Message TEXT    NOT NULL,
    PRIMARY KEY (Run, Number)
) WITHOUT ROWID;

PRAGMA journal_mode=WAL;

INSERT INTO Series VALUES (1, '/runs/old', 1, 'train_loss');

INSERT INTO Metric VALUES (1, 1, 4.5), (1, 2, NULL);

INSERT INTO Event VALUES ('/runs/old', 1, '2026-11-20T14:05:48.4871932+00:00', 'created', 'run created');
