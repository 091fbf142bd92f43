-- The platform's tables on PostgreSQL, in the schema dtt: grain state, reminders, membership, the index of runs and datasets, and what runs report.
-- Idempotent: applied at every start, in one transaction, under an advisory lock. Orleans reads its statements from OrleansQuery. Each is one statement,
-- atomic by itself; a conflict of versions changes no row and so returns none. Keys are compared by their bytes, as in SQLite.

CREATE TABLE IF NOT EXISTS SchemaVersion (Id int PRIMARY KEY CHECK (Id = 1), Version int NOT NULL); -- one row, written last

CREATE TABLE IF NOT EXISTS OrleansQuery (QueryKey text PRIMARY KEY, QueryText text NOT NULL);

CREATE TABLE IF NOT EXISTS GrainState
(
    ServiceId  text COLLATE "C" NOT NULL,
    GrainType  text COLLATE "C" NOT NULL,
    N0         bigint           NOT NULL,
    N1         bigint           NOT NULL,
    Extension  text COLLATE "C" NOT NULL,
    Payload    bytea            NULL,
    ModifiedOn timestamptz      NOT NULL,
    Version    int              NOT NULL,
    PRIMARY KEY (ServiceId, GrainType, N0, N1, Extension)
) WITH (fillfactor = 50); -- rows are written again and again: the next version finds room on its page, and the index stays as it is

INSERT INTO OrleansQuery VALUES
('WriteToStorageKey', $query$
    INSERT INTO GrainState
    SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString::text, ''), @PayloadBinary::bytea, now(), 1
    WHERE @GrainStateVersion::int IS NULL OR EXISTS
        (SELECT 1 FROM GrainState WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1
            AND Extension = coalesce(@GrainIdExtensionString::text, ''))
    ON CONFLICT (ServiceId, GrainType, N0, N1, Extension) DO UPDATE
    SET Payload = excluded.Payload, ModifiedOn = excluded.ModifiedOn, Version = GrainState.Version + 1
    WHERE GrainState.Version = @GrainStateVersion::int
    RETURNING Version AS NewGrainStateVersion $query$),
('ReadFromStorageKey', $query$
    SELECT Payload AS PayloadBinary, Version FROM GrainState
    WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1
      AND Extension = coalesce(@GrainIdExtensionString::text, '') $query$),
('ClearStorageKey', $query$
    UPDATE GrainState SET Payload = NULL, ModifiedOn = now(), Version = Version + 1
    WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1
      AND Extension = coalesce(@GrainIdExtensionString::text, '') AND Version = @GrainStateVersion::int
    RETURNING Version AS NewGrainStateVersion $query$),
('DeleteStorageKey', $query$
    DELETE FROM GrainState
    WHERE ServiceId = @ServiceId AND GrainType = @GrainTypeString AND N0 = @GrainIdN0 AND N1 = @GrainIdN1
      AND Extension = coalesce(@GrainIdExtensionString::text, '') AND Version = @GrainStateVersion::int
    RETURNING Version + 1 AS NewGrainStateVersion $query$)
ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

CREATE TABLE IF NOT EXISTS Reminder
(
    ServiceId text COLLATE "C" NOT NULL,
    GrainId   text COLLATE "C" NOT NULL,
    Name      text COLLATE "C" NOT NULL,
    StartTime timestamptz      NOT NULL,
    Period    bigint           NOT NULL,
    GrainHash int              NOT NULL,
    Version   int              NOT NULL,
    PRIMARY KEY (ServiceId, GrainId, Name)
);

CREATE INDEX IF NOT EXISTS ReminderByHash ON Reminder (ServiceId, GrainHash);

INSERT INTO OrleansQuery VALUES
('UpsertReminderRowKey', $query$
    INSERT INTO Reminder VALUES (@ServiceId, @GrainId, @ReminderName, @StartTime, @Period, @GrainHash, 0)
    ON CONFLICT (ServiceId, GrainId, Name) DO UPDATE
    SET StartTime = excluded.StartTime, Period = excluded.Period, GrainHash = excluded.GrainHash, Version = Reminder.Version + 1
    RETURNING Version $query$),
('ReadReminderRowsKey', $query$
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder WHERE ServiceId = @ServiceId AND GrainId = @GrainId $query$),
('ReadReminderRowKey', $query$
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder
    WHERE ServiceId = @ServiceId AND GrainId = @GrainId AND Name = @ReminderName $query$),
('ReadRangeRows1Key', $query$
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder
    WHERE ServiceId = @ServiceId AND GrainHash > @BeginHash AND GrainHash <= @EndHash $query$),
('ReadRangeRows2Key', $query$
    SELECT GrainId, Name AS ReminderName, StartTime, Period, Version FROM Reminder
    WHERE ServiceId = @ServiceId AND (GrainHash > @BeginHash OR GrainHash <= @EndHash) $query$),
('DeleteReminderRowKey', $query$
    WITH gone AS (DELETE FROM Reminder WHERE ServiceId = @ServiceId AND GrainId = @GrainId AND Name = @ReminderName AND Version = @Version RETURNING 1)
    SELECT count(*)::int FROM gone $query$),
('DeleteReminderRowsKey', $query$
    DELETE FROM Reminder WHERE ServiceId = @ServiceId $query$)
ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

CREATE TABLE IF NOT EXISTS MembershipVersion
(
    DeploymentId text COLLATE "C" PRIMARY KEY,
    Timestamp    timestamptz NOT NULL,
    Version      int         NOT NULL
);

CREATE TABLE IF NOT EXISTS Membership
(
    DeploymentId text COLLATE "C" NOT NULL REFERENCES MembershipVersion (DeploymentId) ON DELETE CASCADE,
    Address      text COLLATE "C" NOT NULL,
    Port         int              NOT NULL,
    Generation   int              NOT NULL,
    SiloName     text             NOT NULL,
    HostName     text             NOT NULL,
    Status       int              NOT NULL,
    ProxyPort    int              NULL,
    SuspectTimes text             NULL,
    StartTime    timestamptz      NOT NULL,
    IAmAliveTime timestamptz      NOT NULL,
    PRIMARY KEY (DeploymentId, Address, Port, Generation)
);

-- A silo's row and the table's version change together or not at all: the row's statement goes on only from the version row that it advanced.
INSERT INTO OrleansQuery VALUES
('InsertMembershipVersionKey', $query$
    WITH made AS (INSERT INTO MembershipVersion VALUES (@DeploymentId, now(), 0) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*)::int FROM made $query$),
('InsertMembershipKey', $query$
    WITH advanced AS (
        UPDATE MembershipVersion SET Version = Version + 1, Timestamp = now()
        WHERE DeploymentId = @DeploymentId AND Version = @Version AND NOT EXISTS
            (SELECT 1 FROM Membership WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation)
        RETURNING 1),
    made AS (
        INSERT INTO Membership
        SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort::int, NULL, @StartTime, @IAmAliveTime FROM advanced
        RETURNING 1)
    SELECT count(*)::int FROM made $query$),
('UpdateMembershipKey', $query$
    WITH advanced AS (
        UPDATE MembershipVersion SET Version = Version + 1, Timestamp = now()
        WHERE DeploymentId = @DeploymentId AND Version = @Version AND EXISTS
            (SELECT 1 FROM Membership WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation)
        RETURNING 1),
    changed AS (
        UPDATE Membership SET Status = @Status, SuspectTimes = @SuspectTimes::text, IAmAliveTime = @IAmAliveTime FROM advanced
        WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation
        RETURNING 1)
    SELECT count(*)::int FROM changed $query$),
('UpdateIAmAlivetimeKey', $query$
    UPDATE Membership SET IAmAliveTime = @IAmAliveTime
    WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation $query$),
('MembershipReadRowKey', $query$
    SELECT v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes, m.StartTime, m.IAmAliveTime, v.Version
    FROM MembershipVersion v LEFT JOIN Membership m
      ON m.DeploymentId = v.DeploymentId AND m.Address = @Address AND m.Port = @Port AND m.Generation = @Generation
    WHERE v.DeploymentId = @DeploymentId $query$),
('MembershipReadAllKey', $query$
    SELECT v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes, m.StartTime, m.IAmAliveTime, v.Version
    FROM MembershipVersion v LEFT JOIN Membership m ON m.DeploymentId = v.DeploymentId
    WHERE v.DeploymentId = @DeploymentId $query$),
('GatewaysQueryKey', $query$
    SELECT Address, ProxyPort, Generation FROM Membership WHERE DeploymentId = @DeploymentId AND Status = @Status AND ProxyPort > 0 $query$),
('CleanupDefunctSiloEntriesKey', $query$
    DELETE FROM Membership WHERE DeploymentId = @DeploymentId AND IAmAliveTime < @IAmAliveTime AND Status <> 3 $query$), -- 3: active
('DeleteMembershipTableEntriesKey', $query$
    DELETE FROM MembershipVersion WHERE DeploymentId = @DeploymentId $query$)
ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

CREATE TABLE IF NOT EXISTS Run
(
    Folder    text COLLATE "C" PRIMARY KEY,
    CreatedAt text COLLATE "C" NOT NULL,
    Version   bigint           NOT NULL,
    Row       text             NOT NULL -- JSON
);

CREATE TABLE IF NOT EXISTS Dataset
(
    Folder  text COLLATE "C" PRIMARY KEY,
    Version bigint           NOT NULL,
    Row     text             NOT NULL -- JSON
);

CREATE TABLE IF NOT EXISTS Series
(
    Id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    Run     text COLLATE "C" NOT NULL,
    Attempt int              NOT NULL,
    Name    text COLLATE "C" NOT NULL,
    UNIQUE (Run, Attempt, Name)
);

CREATE TABLE IF NOT EXISTS Metric
(
    Series bigint           NOT NULL,
    Step   bigint           NOT NULL,
    Value  double precision NOT NULL,
    PRIMARY KEY (Series, Step)
);

CREATE TABLE IF NOT EXISTS Event
(
    Run     text COLLATE "C" NOT NULL,
    Number  bigint           NOT NULL,
    At      text             NOT NULL,
    Kind    text             NOT NULL,
    Message text             NOT NULL,
    PRIMARY KEY (Run, Number)
);
