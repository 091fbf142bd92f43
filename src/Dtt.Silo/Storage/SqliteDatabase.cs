using System.Data.Common;
using Dtt.Core.Errors;
using Dtt.Grains.Storage;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>
/// The platform's two databases in a state folder: state, which is synced at every write except those of pieces, and metrics, which are synced at every
/// commit of a run.
/// </summary>
internal sealed class SqliteDatabase : Database
{
    private static readonly TimeSpan _busyTimeout = TimeSpan.FromSeconds(5);

    private readonly string _folder;

    private SqliteDatabase(string folder, SqliteSource state, SqliteSource pieces, SqliteSource metrics)
    {
        (_folder, State, Pieces, Metrics) = (folder, state, pieces, metrics);
        Tables = new SqliteTables(this);
    }

    public override string Invariant => "System.Data.SQLite"; // Orleans' name for Microsoft.Data.Sqlite

    public override SqliteSource State { get; }

    /// <summary>
    /// The same file as <see cref="State"/>, without a sync of its own: for the records of pieces. Its writes lie in the same log in order, so the next
    /// synced one, which is the dataset's within a second, brings them to the disk with it; a dataset never knows of a piece whose record a power failure took.
    /// </summary>
    public override SqliteSource Pieces { get; }

    /// <summary>Metrics and events.</summary>
    public SqliteSource Metrics { get; }

    public override IPlatformTables Tables { get; }

    /// <summary>Opens both, and brings their schemas up to date; neither is touched before both are known to be readable by this build.</summary>
    /// <param name="folder">The state folder.</param>
    /// <param name="busyTimeout">How long a call waits for another program's lock; whole seconds, by default 5.</param>
    /// <exception cref="UserErrorException">A file is damaged, of a newer DTT, locked, or the disk is full.</exception>
    public static SqliteDatabase Open(string folder, TimeSpan? busyTimeout = null)
    {
        var (wait, state, metrics) = (busyTimeout ?? _busyTimeout, new SemaphoreSlim(1), new SemaphoreSlim(1));
        SqliteSource Source(string name, string synchronous, SemaphoreSlim turns) => new(Path.Combine(folder, name), synchronous, turns, wait);
        var database = new SqliteDatabase(
            folder, Source("platform.db", "FULL", state), Source("platform.db", "NORMAL", state), Source("metrics.db", "NORMAL", metrics));
        SqliteSchema.Check(database.State);
        SqliteSchema.Check(database.Metrics);
        SqliteSchema.Apply(database.State, "platform.sqlite.sql");
        SqliteSchema.Apply(database.Metrics, "metrics.sqlite.sql");
        return database;
    }

    public override IOException Failure(DbException error) => SqliteSource.Failure($"the platform's state in {_folder}", error);

    public override void Dispose()
    {
        State.Dispose();
        Pieces.Dispose();
        Metrics.Dispose();
        SqliteConnection.ClearAllPools();
    }
}
