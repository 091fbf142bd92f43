using System.Data.Common;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Grains.Storage;

namespace Dtt.Silo.Storage;

/// <summary>Where a platform's state is kept: what Orleans' storage and reminders connect to, and the tables beside it.</summary>
internal abstract class Database : IDisposable
{
    /// <summary>Orleans' name of the database's kind.</summary>
    public abstract string Invariant { get; }

    /// <summary>Grain state, reminders, the index: every write is synced.</summary>
    public abstract DbDataSource State { get; }

    /// <summary>The records of pieces.</summary>
    public abstract DbDataSource Pieces { get; }

    /// <summary>The tables beside the grains' state.</summary>
    public abstract IPlatformTables Tables { get; }

    /// <summary>Opens the database, and brings its schema up to date.</summary>
    /// <param name="folders">The platform's folders: SQLite's files are in its state.</param>
    /// <param name="postgres">PostgreSQL's address; null: SQLite.</param>
    /// <exception cref="UserErrorException">It cannot be used; says why.</exception>
    public static async Task<Database> OpenAsync(PlatformFolders folders, PostgresAddress? postgres) =>
        postgres is null ? SqliteDatabase.Open(folders.State) : await PostgresDatabase.OpenAsync(postgres);

    /// <summary>What callers are told when the database failed.</summary>
    public abstract IOException Failure(DbException error);

    public abstract void Dispose();
}
