using Dapper;
using Dtt.Core.Errors;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>
/// The platform's two databases in a state folder: state, which is synced at every write except those of pieces, and metrics, which are synced at every commit of a run.
/// </summary>
internal sealed class Database : IDisposable
{
    private const int Corrupt = 11, NotADatabase = 26, Busy = 5, Locked = 6;

    private Database(SqliteSource platform, SqliteSource pieces, SqliteSource metrics) => (Platform, Pieces, Metrics) = (platform, pieces, metrics);

    /// <summary>Grain state, reminders, the index.</summary>
    public SqliteSource Platform { get; }

    /// <summary>
    /// The same file as <see cref="Platform"/>, without a sync of its own: for the records of pieces. Its writes lie in the same log in order, so the next synced one, which is the dataset's within a second,
    /// brings them to the disk with it; a dataset never knows of a piece whose record a power failure took.
    /// </summary>
    public SqliteSource Pieces { get; }

    /// <summary>Metrics and events.</summary>
    public SqliteSource Metrics { get; }

    /// <summary>Opens both, and brings their schemas up to date.</summary>
    /// <exception cref="UserErrorException">A file is damaged, locked, or the disk is full.</exception>
    public static Database Open(string folder)
    {
        SqliteSource Source(string name, string synchronous) => new(Path.Combine(folder, name), synchronous);
        var database = new Database(Source("platform.db", "FULL"), Source("platform.db", "NORMAL"), Source("metrics.db", "NORMAL"));
        Prepare(database.Platform, "platform.sqlite.sql");
        Prepare(database.Metrics, "metrics.sqlite.sql");
        return database;
    }

    public void Dispose()
    {
        Platform.Dispose();
        Pieces.Dispose();
        Metrics.Dispose();
        SqliteConnection.ClearAllPools();
    }

    private static void Prepare(SqliteSource source, string script)
    {
        try
        {
            using var connection = source.OpenConnection();
            connection.Execute("PRAGMA journal_mode=WAL");
            var health = connection.ExecuteScalar<string>("PRAGMA quick_check(1)");
            if (health != "ok") throw Damaged(source.File, health ?? "");
            using var sql = new StreamReader(typeof(Database).Assembly.GetManifestResourceStream($"Dtt.Silo.Storage.{script}")!);
            connection.Execute(sql.ReadToEnd());
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NotADatabase)
        {
            throw Damaged(source.File, e.Message);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Busy or Locked)
        {
            throw new UserErrorException($"{source.File} is locked by another program (an open sqlite3 shell, a backup?); end that and run this again.");
        }
        catch (SqliteException e)
        {
            throw new UserErrorException($"{source.File} cannot be opened ({e.Message}); is the disk full, or the folder not writable? Nothing was changed; mend that and run this again.", inner: e);
        }
    }

    private static UserErrorException Damaged(string file, string how) => new(
        $"{file} is damaged ({how}). Nothing was changed. Put back a backup, or move it away (`mv {file} {file}.damaged`) to start with empty state: the runs' checkpoints lie in their folders and stay.", ExitCodes.BadData);
}
