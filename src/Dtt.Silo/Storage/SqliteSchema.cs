using System.Data.Common;
using Dapper;
using Dtt.Core.Errors;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>Whether a database file is whole and its schema known to this build, and the step to this build's schema.</summary>
internal static class SqliteSchema
{
    /// <summary>
    /// The schema that this build writes, in the table <c>SchemaVersion</c>. It goes up when tables, or the JSON in them, change so that an earlier build
    /// would misread them; <see cref="Apply"/> then brings older ones along. Files without the table are of earlier builds; their schema is that of version 1.
    /// </summary>
    public const int Version = 1;

    private const int Corrupt = 11, NotADatabase = 26, Busy = 5, Locked = 6;

    /// <summary>Refuses a file that this build cannot read; changes nothing.</summary>
    /// <exception cref="UserErrorException">It is damaged, of a newer DTT, locked, or cannot be opened.</exception>
    public static void Check(SqliteSource source) => Use(source, connection =>
    {
        var health = connection.ExecuteScalar<string>("PRAGMA quick_check(1)");
        if (health != "ok") throw Damaged(source.File, health ?? "");
        var version = VersionOf(connection);
        if (version > Version)
        {
            throw new UserErrorException(
                $"{source.File} was written by a newer DTT: its schema is version {version}, and this build knows versions up to {Version}. " +
                "Nothing was changed. Use that newer build, or set DTT_STATE to another folder to start with empty state.", ExitCodes.BadData);
        }
    });

    /// <summary>Makes or completes the tables and stamps the version, all in one transaction: a kill leaves the schema as it was.</summary>
    /// <exception cref="UserErrorException">The file is locked, or the disk is full.</exception>
    public static void Apply(SqliteSource source, string script) => Use(source, connection =>
    {
        connection.Execute("PRAGMA journal_mode=WAL");
        using var sql = new StreamReader(typeof(SqliteSchema).Assembly.GetManifestResourceStream($"Dtt.Silo.Storage.{script}")!);
        using var transaction = connection.BeginTransaction();
        connection.Execute(sql.ReadToEnd(), transaction: transaction);
        connection.Execute(
            "INSERT INTO SchemaVersion VALUES (1, @Version) ON CONFLICT (Id) DO UPDATE SET Version = excluded.Version", new { Version }, transaction);
        transaction.Commit();
    });

    private static int VersionOf(DbConnection connection) =>
        connection.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'SchemaVersion'") == 0 ? 0
            : connection.QuerySingle<int>("SELECT Version FROM SchemaVersion");

    private static void Use(SqliteSource source, Action<DbConnection> use)
    {
        try
        {
            using var connection = source.OpenConnection();
            use(connection);
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
            throw new UserErrorException(
                $"{source.File} cannot be opened ({e.Message}); is the disk full, or the folder not writable? " +
                "Nothing was changed; fix that and run this again.", inner: e);
        }
    }

    private static UserErrorException Damaged(string file, string how) => new(
        $"{file} is damaged ({how}). Nothing was changed. Put back a backup, or move it away (`mv {file} {file}.damaged`) to start with empty state: " +
        "the runs' checkpoints are in their own folders and stay.", ExitCodes.BadData);
}
