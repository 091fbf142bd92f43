using System.Data.Common;
using Dapper;
using Dtt.Silo.Storage;

namespace Dtt.Silo.Hosting;

/// <summary>
/// What a silo holds from its look at the platform's members until it is one of them, for two that look at once would both see nobody: of its node's name, or
/// of the whole platform where it wants to be alone.
/// </summary>
/// <remarks>It is a transaction's, so the server ends it with the silo's connection, and when the silo is silent for longer than joining may take.</remarks>
internal sealed class JoinLock : IAsyncDisposable
{
    private const string Node = "SELECT pg_try_advisory_xact_lock_shared(hashtextextended('dtt', 0)) "
        + "AND pg_try_advisory_xact_lock(hashtextextended('dtt.' || @Node, 0))";
    private const string Alone = "SELECT pg_try_advisory_xact_lock(hashtextextended('dtt', 0))";
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(250);
    private readonly DbConnection _connection;
    private readonly DbTransaction _transaction;

    private JoinLock(DbConnection connection, DbTransaction transaction) => (_connection, _transaction) = (connection, transaction);

    /// <summary>How long a silo may take to join.</summary>
    public static TimeSpan LongestJoin { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Waits for those that join just now and that this one could not be beside.</summary>
    /// <exception cref="DbException">The database fails.</exception>
    public static async Task<JoinLock> TakeAsync(Database database, SiloOptionsFromEnvironment options, TimeProvider time)
    {
        var connection = await database.State.OpenConnectionAsync();
        try
        {
            var joining = new JoinLock(connection, await connection.BeginTransactionAsync());
            var silence = (LongestJoin + (Admission.SignPeriod * Admission.MissingSigns)).TotalMilliseconds;
            await connection.ExecuteAsync($"SET LOCAL idle_in_transaction_session_timeout = {silence:0}");
            using var timer = new PeriodicTimer(_look, time);
            while (!await connection.ExecuteScalarAsync<bool>(options.IsCluster ? Node : Alone, new { options.Node })) await timer.WaitForNextTickAsync();
            return joining;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the next one look.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _transaction.DisposeAsync();
        }
        catch (DbException)
        {
            // The server has ended it already.
        }

        await _connection.DisposeAsync();
    }
}
