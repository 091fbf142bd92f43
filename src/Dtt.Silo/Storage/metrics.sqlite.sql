-- metrics.db: what runs report. Keys that are there are left alone, so everything may be delivered again. Idempotent: applied at every start.

CREATE TABLE IF NOT EXISTS SchemaVersion (Id INTEGER PRIMARY KEY CHECK (Id = 1), Version INTEGER NOT NULL); -- one row, written last

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
