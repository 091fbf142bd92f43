using Dtt.Core.Errors;
using Dtt.Silo.Storage;
using Dtt.Tests;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Tests.Storage;

/// <summary>Databases of other builds and damaged ones: read whole, or refused in words and left as they are.</summary>
public sealed class SqliteDatabaseTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ADatabaseOfTheBuildsBeforeVersions_IsReadAndStamped()
    {
        foreach (var name in new[] { "platform", "metrics" })
        {
            Execute($"{name}.db", File.ReadAllText(Repository.At("tests", "Dtt.Silo.Tests", "Storage", $"{name}.unversioned.sql")));
            Assert.Equal(0, Scalar($"{name}.db", "SELECT count(*) FROM sqlite_master WHERE name = 'SchemaVersion'"));
        }

        for (var i = 0; i < 2; i++)
        {
            using var database = SqliteDatabase.Open(_folder.Path);
            var tables = database.Tables;
            var run = Assert.Single(await tables.ListRunsAsync());
            Assert.Equal(("/runs/old", 40L, double.NaN), (run.Folder, run.Step, run.ValLoss));
            Assert.Equal("/data/tales", Assert.Single(await tables.ListDatasetsAsync()).Folder);
            Assert.Equal([(1L, 4.5), (2L, double.NaN)], await tables.ReadSeriesAsync("/runs/old", 1, "train_loss"));
            Assert.Equal("run created", Assert.Single(await tables.ReadEventsAsync("/runs/old")).Message);
        }

        Assert.Equal(SqliteSchema.Version, Scalar("platform.db", "SELECT Version FROM SchemaVersion"));
        Assert.Equal(SqliteSchema.Version, Scalar("metrics.db", "SELECT Version FROM SchemaVersion"));
        Assert.Equal(7, Scalar("platform.db", "SELECT Version FROM GrainState WHERE GrainType = 'run'"));
    }

    [Theory]
    [InlineData("platform.db")]
    [InlineData("metrics.db")]
    public void ADatabaseOfANewerBuild_IsRefused_AndNeitherFileIsChanged(string newer)
    {
        SqliteDatabase.Open(_folder.Path).Dispose();
        Execute(newer, "UPDATE SchemaVersion SET Version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
        var before = Contents();
        var refused = Assert.Throws<UserErrorException>(() => SqliteDatabase.Open(_folder.Path));
        SqliteConnection.ClearAllPools();
        Assert.Contains($"{_folder[newer]} was written by a newer DTT: its schema is version 99,", refused.Message);
        Assert.Contains("Use that newer build, or set DTT_STATE", refused.Message);
        Assert.Equal(ExitCodes.BadData, refused.ExitCode);
        Assert.Equal(before, Contents());
    }

    [Theory]
    [InlineData("platform.db")]
    [InlineData("metrics.db")]
    public void ADamagedDatabase_IsNamed_AndNeitherFileIsChanged(string damaged)
    {
        SqliteDatabase.Open(_folder.Path).Dispose();
        using (var file = File.OpenWrite(_folder[damaged]))
        {
            var noise = new byte[4096];
            new Random(3).NextBytes(noise);
            file.Position = 4096; // the header stays: only reading the tables shows it
            file.Write(noise);
        }

        var before = Contents();
        var refused = Assert.Throws<UserErrorException>(() => SqliteDatabase.Open(_folder.Path));
        SqliteConnection.ClearAllPools();
        Assert.Contains($"{_folder[damaged]} is damaged", refused.Message);
        Assert.Equal(ExitCodes.BadData, refused.ExitCode);
        Assert.Equal(before, Contents());
    }

    private string[] Contents() => [.. new[] { "platform.db", "metrics.db" }.Select(n => Convert.ToHexString(File.ReadAllBytes(_folder[n])))];

    private void Execute(string name, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_folder[name]};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private long Scalar(string name, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_folder[name]};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}
