using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>
/// Connections to one SQLite file with the settings that do not persist in it: how much is synced, and how long it waits while another program writes.
/// </summary>
/// <remarks>
/// Microsoft.Data.Sqlite's asynchronous methods do all their work before they return: a grain that awaits one would hold its thread while the disk syncs or a
/// lock is waited for. Here every asynchronous call goes on from a thread of the pool, and calls that may write take turns by file, in the order they came:
/// SQLite lets one writer in at a time, those that wait in its busy handler each block a thread, and who is next is chance. So at most one thread of this
/// process waits for a file's lock, and only for other programs. Orleans' storage opens its connections by <see cref="DbDataSource.OpenConnectionAsync"/>
/// and has its turn until it closes them.
/// </remarks>
/// <param name="file">The database's path.</param>
/// <param name="synchronous">SQLite's <c>synchronous</c>: FULL syncs at every write, NORMAL at checkpoints.</param>
/// <param name="turns">The turns of the file, shared by all sources of it.</param>
/// <param name="busyTimeout">How long to wait for a lock of another program; whole seconds.</param>
internal sealed class SqliteSource(string file, string synchronous, SemaphoreSlim turns, TimeSpan busyTimeout) : DbDataSource
{
    public override string ConnectionString { get; } = new SqliteConnectionStringBuilder
    {
        DataSource = file,
        Mode = SqliteOpenMode.ReadWriteCreate,
        Pooling = true,
        DefaultTimeout = (int)busyTimeout.TotalSeconds, // the library's own tries again when SQLite's have come to nothing: 30 s by default
    }.ToString();

    public string File => file;

    /// <summary>The error that callers see of SQLite's.</summary>
    /// <param name="what">What could not be read or written.</param>
    /// <param name="error">What SQLite said.</param>
    public static IOException Failure(string what, DbException error) => StorageFailures.Of(what, error, "is the disk full?");

    /// <summary>Writes, when those that came before are done. A write of several statements is a transaction of the caller's.</summary>
    /// <exception cref="IOException">The write failed: callers know no database, nor its exceptions.</exception>
    public async Task WriteAsync(Action<DbConnection> write)
    {
        await turns.WaitAsync().ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            Use(connection =>
            {
                write(connection);
                return true;
            });
        }
        finally
        {
            turns.Release();
        }
    }

    /// <summary>Reads; beside a writer and other readers, for in WAL mode nobody waits for them.</summary>
    /// <exception cref="IOException">The database cannot be read.</exception>
    public Task<T> ReadAsync<T>(Func<DbConnection, T> read, CancellationToken cancellation = default) => Task.Run(() => Use(read), cancellation);

    protected override DbConnection CreateDbConnection()
    {
        var connection = new SqliteConnection(ConnectionString);
        connection.StateChange += (_, change) =>
        {
            if (change.CurrentState != ConnectionState.Open) return;
            using var pragma = connection.CreateCommand();
            pragma.CommandText = $"PRAGMA busy_timeout={busyTimeout.TotalMilliseconds}; PRAGMA synchronous={synchronous};";
            pragma.ExecuteNonQuery();
        };
        return connection;
    }

    protected override async ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default)
    {
        await turns.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            var connection = OpenDbConnection();
            connection.StateChange += (_, change) =>
            {
                if (change.CurrentState == ConnectionState.Closed) turns.Release();
            };
            return connection;
        }
        catch
        {
            turns.Release();
            throw;
        }
    }

    private T Use<T>(Func<DbConnection, T> use)
    {
        try
        {
            using var connection = OpenConnection();
            return use(connection);
        }
        catch (SqliteException e)
        {
            throw Failure(file, e);
        }
    }
}
