using System.Data.Common;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Grains.Storage;

namespace Dtt.Silo.Storage;

/// <summary>
/// The platform's tables in one PostgreSQL database, all written through one source whose commits are synced: a server may be killed while its silo lives
/// on, so a write that waits for the next synced one could be lost after it was answered, and nobody would do it again.
/// </summary>
internal sealed class PostgresDatabase : Database
{
    private readonly PostgresSource _source;

    private PostgresDatabase(PostgresSource source) => (_source, Tables) = (source, new PostgresTables(source));

    public override string Invariant => "Npgsql";

    public override DbDataSource State => _source;

    public override DbDataSource Pieces => _source;

    public override IPlatformTables Tables { get; }

    /// <summary>Connects, and makes or completes the tables.</summary>
    /// <exception cref="UserErrorException">It cannot be used: the address, the login, the server or its database, or the schema is of a newer DTT.</exception>
    public static async Task<PostgresDatabase> OpenAsync(PostgresAddress address)
    {
        var source = new PostgresSource(address);
        try
        {
            await PostgresSchema.ApplyAsync(source);
            return new PostgresDatabase(source);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    public override IOException Failure(DbException error) => _source.Failure(error);

    public override void Dispose() => _source.Dispose();
}
