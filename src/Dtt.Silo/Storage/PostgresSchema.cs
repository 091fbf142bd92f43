using System.Net.Sockets;
using Dapper;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Npgsql;
using Polly;
using Polly.Retry;

namespace Dtt.Silo.Storage;

/// <summary>Whether a PostgreSQL database can be used by this build, and the step to this build's schema.</summary>
internal static class PostgresSchema
{
    /// <summary>The schema of the database in which all tables are.</summary>
    public const string Name = "dtt";

    /// <summary>The schema that this build writes, in the table <c>SchemaVersion</c>, as for SQLite (<see cref="SqliteSchema.Version"/>).</summary>
    public const int Version = 1;

    private const long Lock = 0x445454; // the advisory lock of those who bring the schema up to date: "DTT"
    private static readonly Version _oldestServer = new(13, 0);

    /// <summary>A server that recovers from a crash, or is just starting, is waited for.</summary>
    private static readonly ResiliencePipeline _untilStarted = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<PostgresException>(e => e.SqlState == PostgresErrorCodes.CannotConnectNow),
        Delay = TimeSpan.FromMilliseconds(250),
        MaxRetryAttempts = 240,
    }).Build();

    /// <summary>
    /// Makes or completes the tables and stamps the version, all in one transaction, one silo after the other; a database that this build cannot use is refused
    /// and left as it is.
    /// </summary>
    /// <exception cref="UserErrorException">It cannot be reached or used, or is of a newer DTT.</exception>
    public static Task ApplyAsync(PostgresSource source) => ApplyAsync(source, keep: true);

    /// <summary>Does all that and takes it back; the server's version.</summary>
    /// <exception cref="UserErrorException">As for <see cref="ApplyAsync(PostgresSource)"/>.</exception>
    public static Task<Version> TryAsync(PostgresSource source) => ApplyAsync(source, keep: false);

    private static async Task<Version> ApplyAsync(PostgresSource source, bool keep)
    {
        try
        {
            return keep ? await _untilStarted.ExecuteAsync(async _ => await ApplyOnceAsync(source, keep)) : await ApplyOnceAsync(source, keep);
        }
        catch (NpgsqlException e)
        {
            throw Refusal(source, e);
        }
    }

    /// <summary>Refuses a server that is too old.</summary>
    /// <exception cref="UserErrorException">It is older than 13.</exception>
    public static void CheckServer(PostgresAddress address, Version server)
    {
        if (server >= _oldestServer) return;
        throw new UserErrorException(
            $"PostgreSQL at {address.Name} is version {server}; DTT needs {_oldestServer.Major} or newer. Name another server in {PostgresAddress.Variable}.",
            ExitCodes.BadConfiguration);
    }

    private static async Task<Version> ApplyOnceAsync(PostgresSource source, bool keep)
    {
        await using var connection = (NpgsqlConnection)await source.OpenConnectionAsync();
        CheckServer(source.Address, connection.PostgreSqlVersion);
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("SELECT pg_advisory_xact_lock(@Lock)", new { Lock });
        if (!await connection.ExecuteScalarAsync<bool>("SELECT to_regnamespace(@Name) IS NOT NULL", new { Name }))
            await connection.ExecuteAsync($"CREATE SCHEMA {Name}"); // IF NOT EXISTS would need the right to make it where it exists
        if (await connection.ExecuteScalarAsync<bool>("SELECT to_regclass(@table) IS NOT NULL", new { table = $"{Name}.schemaversion" })
            && await connection.QuerySingleAsync<int>("SELECT Version FROM SchemaVersion") is var version and > Version)
        {
            throw new UserErrorException(
                $"PostgreSQL at {source.Address.Name} was written by a newer DTT: its schema is version {version}, and this build knows versions up to " +
                $"{Version}. Nothing was changed. Use that newer build, or name another database in {PostgresAddress.Variable}.", ExitCodes.BadData);
        }

        using var sql = new StreamReader(typeof(PostgresSchema).Assembly.GetManifestResourceStream("Dtt.Silo.Storage.platform.postgres.sql")!);
        await connection.ExecuteAsync(await sql.ReadToEndAsync());
        await connection.ExecuteAsync(
            "INSERT INTO SchemaVersion VALUES (1, @Version) ON CONFLICT (Id) DO UPDATE SET Version = excluded.Version", new { Version });
        if (keep) await transaction.CommitAsync();
        return connection.PostgreSqlVersion;
    }

    private static UserErrorException Refusal(PostgresSource source, NpgsqlException e)
    {
        var (address, variable, user) = (source.Address, PostgresAddress.Variable, source.User is { } named ? $"'{named}'" : "this user");
        var (what, todo, code) = e switch
        {
            { InnerException: SocketException or TimeoutException } => ("does not answer",
                $"Start it, or correct the host and port in {variable}; without {variable} the state is kept in SQLite.", ExitCodes.Failure),
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => ("has no such database",
                $"Make it (`createdb -h {address.Host} -p {address.Port} {address.Database}`), or correct its name in {variable}.", ExitCodes.BadConfiguration),
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } => ($"does not let {user} make tables",
                $"Its owner can: GRANT CREATE ON DATABASE \"{address.Database}\" TO …; or name a database of your own in {variable}.",
                ExitCodes.BadConfiguration),
            { Message: var said } when said.Contains("SSL", StringComparison.Ordinal) => ("does not speak as 'sslmode' asks",
                $"Turn encryption on (or off) in the server, or correct sslmode in {variable}.", ExitCodes.BadConfiguration),
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification }
                or { InnerException: null } and not PostgresException => ($"refuses the login of {user}",
                $"Name the user in {variable}, and the password in ~/.pgpass (or PGPASSFILE), in PGPASSWORD, or in {variable}.", ExitCodes.BadConfiguration),
            _ => ("cannot be used", "See the server's log, mend that, and run this again.", ExitCodes.Failure),
        };
        return new UserErrorException($"PostgreSQL at {address.Name} {what} ({StorageFailures.Said(e).TrimEnd('.')}). {todo}", code, e);
    }
}
