using System.Data.Common;
using System.Net.Sockets;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Npgsql;

namespace Dtt.Silo.Storage;

/// <summary>
/// Connections to the platform's PostgreSQL database: at most 16, with the settings that DTT relies on. Nothing waits longer than the time-outs: 5 s for a
/// connection, 10 s for a command.
/// </summary>
/// <remarks>
/// A connection of the pool may be from before a restart of the server, which shows only when it is used. It is asked first: so a silo whose server was
/// restarted goes on without an error. That costs one turn to the server and back beside a synced write.
/// </remarks>
internal sealed class PostgresSource : DbDataSource
{
    /// <summary>
    /// What each session asks of the server: every commit synced, whatever its default is; and that it looks whether the silo is still there, or the
    /// sessions of a node that lost its power would stay for hours, with the locks they hold.
    /// </summary>
    private const string SessionOptions =
        "-c synchronous_commit=on -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4";

    private const int ConnectSeconds = 5, CommandSeconds = 10, MostConnections = 16;
    private readonly NpgsqlDataSource _connections;

    /// <summary>The database of an address; connects to nothing yet.</summary>
    /// <exception cref="ConfigurationException">A setting is unknown, or its value is refused.</exception>
    public PostgresSource(PostgresAddress address)
    {
        var settings = new NpgsqlConnectionStringBuilder { Timeout = ConnectSeconds, CommandTimeout = CommandSeconds, MaxPoolSize = MostConnections };
        foreach (var (name, value) in address.Settings)
        {
            try
            {
                settings[name] = value;
            }
            catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException or OverflowException or InvalidCastException)
            {
                throw new ConfigurationException(
                    $"{PostgresAddress.Variable} cannot be used: '{name}' is no setting of a PostgreSQL connection, or its value is none of those it takes.");
            }
        }

        var options = settings.Options ?? Environment.GetEnvironmentVariable("PGOPTIONS");
        settings.Options = $"{options} {SessionOptions}".TrimStart();
        settings.SearchPath = PostgresSchema.Name;
        settings.ApplicationName ??= "dtt";
        settings.NoResetOnClose = true; // nothing changes a session's settings
        (settings.Enlist, settings.PersistSecurityInfo, settings.IncludeErrorDetail) = (false, false, false);
        (Address, User, _connections) = (address, settings.Username, new NpgsqlDataSourceBuilder(settings.ToString()).Build());
    }

    /// <summary>Which database it is.</summary>
    public PostgresAddress Address { get; }

    /// <summary>Who logs in; null: <c>PGUSER</c>, or this process's user.</summary>
    public string? User { get; }

    public override string ConnectionString => _connections.ConnectionString; // without the password

    /// <summary>The error that callers see of the server's.</summary>
    public IOException Failure(DbException error) =>
        StorageFailures.Of($"the platform's state in PostgreSQL at {Address.Name}", error, "is the server up, and its disk not full?");

    protected override DbConnection CreateDbConnection() => _connections.CreateConnection();

    protected override DbConnection OpenDbConnection() => _connections.OpenConnection();

    protected override async ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            var connection = await _connections.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            if (await AnswersAsync(connection, cancellationToken).ConfigureAwait(false)) return connection;
            _connections.Clear();
            return await _connections.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new NpgsqlException(e.Message, e); // of looking up a name, or of reading a password file or a certificate
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _connections.Dispose();
    }

    protected override ValueTask DisposeAsyncCore() => _connections.DisposeAsync();

    /// <summary>Whether a connection is alive; one that is not is closed.</summary>
    private static async Task<bool> AnswersAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        try
        {
            await using var question = new NpgsqlCommand("SELECT 1", connection) { CommandTimeout = ConnectSeconds };
            await question.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
            return true;
        }
        catch (Exception e)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            if (e is NpgsqlException { InnerException: not TimeoutException }) return false;
            throw;
        }
    }
}
