-- What the builds before schema versions left: their schema, word for word, and some rows. Never changed: it stands for files that are out there.
-- platform.db: grain state, reminders, and the index of runs and datasets, on SQLite. Idempotent: applied at every start, under the silo's lock.
-- Orleans reads its statements from OrleansQuery. Each is one statement, atomic by itself; a conflict of versions changes no row and so returns none.

CREATE TABLE IF NOT EXISTS OrleansQuery (QueryKey TEXT PRIMARY KEY, QueryText TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS GrainState
(
    ServiceId  TEXT    NOT NULL,
    GrainType  TEXT    NOT NULL,
    N0         INTEGER NOT NULL,
    N1         INTEGER NOT NULL,
    Extension  TEXT    NOT NULL,
    Payload    BLOB    NULL,
    ModifiedOn TEXT    NOT NULL,
    Version    INTEGER NOT NULL,
    PRIMARY KEY (ServiceId, GrainType, N0, N1, Extension)
);

INSERT OR REPLACE INTO OrleansQuery VALUES
('WriteToStorageKey', '
    INSERT INTO GrainState
    SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString, ''''), @PayloadBinary, datetime(''now''), 1
    WHERE @GrainStateVersion IS NULL OR EXISTS
        (SELECT 1 FROM GrainState WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1 AND Extension = coalesce(@GrainIdExtensionString, ''''))
    ON CONFLICT DO UPDATE SET Payload = excluded.Payload, ModifiedOn = excluded.ModifiedOn, Version = Version + 1
    WHERE GrainState.Version = @GrainStateVersion
    RETURNING Version AS NewGrainStateVersion'),
('ReadFromStorageKey', '
    SELECT Payload AS PayloadBinary, Version FROM GrainState
    WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1 AND Extension = coalesce(@GrainIdExtensionString, '''')'),
('ClearStorageKey', '
    UPDATE GrainState SET Payload = NULL, ModifiedOn = datetime(''now''), Version = Version + 1
    WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1 AND Extension = coalesce(@GrainIdExtensionString, '''')
      AND Version = @GrainStateVersion
    RETURNING Version AS NewGrainStateVersion'),
('DeleteStorageKey', '
    DELETE FROM GrainState
    WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1 AND Extension = coalesce(@GrainIdExtensionString, '''')
      AND Version = @GrainStateVersion
    RETURNING Version + 1 AS NewGrainStateVersion');

CREATE TABLE IF NOT EXISTS Reminder
(
    ServiceId TEXT    NOT NULL,
    GrainId   TEXT    NOT NULL,
    Name      TEXT    NOT NULL,
    StartTime TEXT    NOT NULL,
    Period    INTEGER NOT NULL,
    GrainHash INTEGER NOT NULL,
    Version   INTEGER NOT NULL,
    PRIMARY KEY (ServiceId, GrainId, Name)
);

CREATE INDEX IF NOT EXISTS ReminderByHash ON Reminder (ServiceId, GrainHash);

INSERT OR REPLACE INTO OrleansQuery VALUES
('UpsertReminderRowKey', '
    INSERT INTO Reminder VALUES (@ServiceId, @GrainId, @ReminderName, @StartTime, @Period, @GrainHash, 0)
    ON CONFLICT DO UPDATE SET StartTime = excluded.StartTime, Period = excluded.Period, GrainHash = excluded.GrainHash, Version = Version + 1
    RETURNING Version'),
('ReadReminderRowsKey', '
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder WHERE ServiceId = @ServiceId AND GrainId = @GrainId'),
('ReadReminderRowKey', '
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder WHERE ServiceId = @ServiceId AND GrainId = @GrainId AND Name = @ReminderName'),
('ReadRangeRows1Key', '
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder
    WHERE ServiceId = @ServiceId AND GrainHash > @BeginHash AND GrainHash <= @EndHash'),
('ReadRangeRows2Key', '
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder
    WHERE ServiceId = @ServiceId AND (GrainHash > @BeginHash OR GrainHash <= @EndHash)'),
('DeleteReminderRowKey', '
    DELETE FROM Reminder WHERE ServiceId = @ServiceId AND GrainId = @GrainId AND Name = @ReminderName AND Version = @Version;
    SELECT changes()'),
('DeleteReminderRowsKey', '
    DELETE FROM Reminder WHERE ServiceId = @ServiceId');

CREATE TABLE IF NOT EXISTS Run
(
    Folder    TEXT PRIMARY KEY,
    CreatedAt TEXT    NOT NULL,
    Version   INTEGER NOT NULL,
    Row       TEXT    NOT NULL -- JSON
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS Dataset
(
    Folder  TEXT PRIMARY KEY,
    Version INTEGER NOT NULL,
    Row     TEXT    NOT NULL -- JSON
) WITHOUT ROWID;

PRAGMA journal_mode=WAL;

INSERT INTO GrainState VALUES ('dtt', 'run', 0, 0, '/runs/old', '{"version":7}', '2026-11-20 14:05:47', 7);

INSERT INTO Run VALUES ('/runs/old', '2026-11-20T14:05:47.1610427Z', 7,
'{"folder":"/runs/old","run":"old","state":"Stopped","step":40,"total_steps":100,"train_loss":4.25,"val_loss":"NaN","tokens":40960,"tokens_per_second":1000.5,"attempts":1,"created_at":"2026-11-20T14:05:47.1610427+00:00","version":7}');

INSERT INTO Dataset VALUES ('/data/tales', 2,
'{"folder":"/data/tales","dataset":"tales","raw_only":true,"stage":"Done","pieces":0,"pieces_done":0,"notes":["download: tales, 1 file, 10.0 MB ready (/data/tales)"],"failure_code":0,"version":2}');
