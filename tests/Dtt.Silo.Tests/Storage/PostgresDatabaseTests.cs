using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Silo.Storage;
using Dtt.Tests;
using Npgsql;

namespace Dtt.Silo.Tests.Storage;

/// <summary>Databases of other builds, and those that cannot be used: refused in words that hold no password.</summary>
public sealed class PostgresDatabaseTests(PostgresFixture postgres)
{
    [Fact]
    public async Task EightSilosAtOnce_MakeOneSchema_WithItsVersion()
    {
        var server = await postgres.ServerAsync();
        var address = PostgresAddress.Parse(await server.CreateDatabaseAsync())!;
        for (var again = 0; again < 2; again++)
        {
            foreach (var database in await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => PostgresDatabase.OpenAsync(address)))))
                database.Dispose();
        }

        Assert.Equal($"{PostgresSchema.Version}", await server.SqlAsync(address.Database, "SELECT Version FROM dtt.SchemaVersion"));
        Assert.Equal("0", await server.SqlAsync(address.Database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
    }

    [Fact]
    public async Task ADatabaseOfANewerBuild_IsRefused_AndNothingIsChanged()
    {
        var server = await postgres.ServerAsync();
        var address = PostgresAddress.Parse(await server.CreateDatabaseAsync())!;
        (await PostgresDatabase.OpenAsync(address)).Dispose();
        await server.SqlAsync(address.Database, "UPDATE dtt.SchemaVersion SET Version = 99; UPDATE dtt.OrleansQuery SET QueryText = 'newer'");
        var refused = await Assert.ThrowsAsync<UserErrorException>(() => PostgresDatabase.OpenAsync(address));
        Assert.Contains($"PostgreSQL at {address.Name} was written by a newer DTT: its schema is version 99,", refused.Message);
        Assert.Equal(ExitCodes.BadData, refused.ExitCode);
        const string kept = "SELECT DISTINCT Version || ' ' || QueryText FROM dtt.SchemaVersion, dtt.OrleansQuery";
        Assert.Equal("99 newer", await server.SqlAsync(address.Database, kept));
    }

    [Fact]
    public async Task WhatCannotBeUsed_IsToldInWords_WithoutThePassword()
    {
        var server = await postgres.ServerAsync();
        var database = PostgresAddress.Parse(await server.CreateDatabaseAsync())!.Database;
        await server.SqlAsync("postgres", $"CREATE ROLE {database} LOGIN PASSWORD 'guest/word'");
        foreach (var (address, words, code) in new[]
        {
            (server.Address(database, password: "wrong/word"), "refuses the login of 'dtt' (28P01: password authentication failed for user \"dtt\")", 2),
            (server.Address(database, password: ""), "refuses the login of 'dtt' (", 2),
            (server.Address("nowhere"), "has no such database (3D000:", 2),
            (server.Address(database, database, "guest/word"), $"does not let '{database}' make tables (42501: permission denied for database", 2),
            (server.Address(database, password: "") + "?passfile=/proc", "cannot be used (Access to the path '/proc' is denied)", 1),
            ($"postgresql://dtt:wrong%2Fword@127.0.0.1:1/{database}", "127.0.0.1:1/" + database + " does not answer (", 1),
            ($"postgresql://dtt:wrong%2Fword@no.such.host.invalid/{database}", "no.such.host.invalid:5432/" + database + " does not answer (", 1),
            (server.Address(database, password: "wrong/word") + "?nonsense=wrong/word", "'nonsense' is no setting of a PostgreSQL connection", 2),
            (server.Address(database, password: "wrong/word") + "?sslmode=wrong/word", "'SSL Mode' is no setting of a PostgreSQL connection, or its value", 2),
        })
        {
            var refused = await Assert.ThrowsAnyAsync<UserErrorException>(() => PostgresDatabase.OpenAsync(PostgresAddress.Parse(address)!));
            Assert.Contains(words, refused.Message);
            Assert.Equal(code, refused.ExitCode);
            Assert.DoesNotContain("/word", refused.ToString());
            Assert.DoesNotContain(PostgresServer.Password, refused.ToString());
        }
    }

    [Fact]
    public void WhatTheServerSays_IsOneLine()
    {
        var error = new PostgresException("duplicate key value", "ERROR", "ERROR", "23505", detail: "Key (a)=(1) exists.");
        Assert.Contains("\n", error.Message);
        Assert.StartsWith("the state could not be read or written (23505: duplicate key value); is it up? ",
            StorageFailures.Of("the state", error, "is it up?").Message);
    }

    [Fact]
    public async Task APasswordFile_IsRead()
    {
        var server = await postgres.ServerAsync();
        var database = PostgresAddress.Parse(await server.CreateDatabaseAsync())!.Database;
        using var folder = new TempFolder();
        var file = folder.Write("pgpass", $"127.0.0.1:{server.Port}:*:dtt:{PostgresServer.Password}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (await PostgresDatabase.OpenAsync(PostgresAddress.Parse($"host=127.0.0.1 port={server.Port} user=dtt dbname={database}", file)!)).Dispose();
    }

    [Fact]
    public void AServerThatIsTooOld_IsRefused()
    {
        var address = PostgresAddress.Parse("postgresql://db/dtt")!;
        PostgresSchema.CheckServer(address, new Version(13, 0));
        var refused = Assert.Throws<UserErrorException>(() => PostgresSchema.CheckServer(address, new Version(12, 22)));
        Assert.Equal("PostgreSQL at db:5432/dtt is version 12.22; DTT needs 13 or newer. Name another server in DTT_POSTGRES.", refused.Message);
    }

    [Fact]
    public async Task WhatTheSiloKeeps_HoldsNoPassword()
    {
        using var database = await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await (await postgres.ServerAsync()).CreateDatabaseAsync())!);
        Assert.DoesNotContain(PostgresServer.Password, database.State.ConnectionString);
        Assert.DoesNotContain(PostgresServer.Password, database.Failure(new NpgsqlException("x")).ToString());
    }
}
