using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>Connections to one SQLite file with the settings that do not persist in it: how much is synced, and patience while another connection writes.</summary>
internal sealed class SqliteSource(string file, string synchronous) : DbDataSource
{
    private const int PatienceMilliseconds = 5000;

    public override string ConnectionString { get; } = new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWriteCreate, Pooling = true }.ToString();

    public string File => file;

    protected override DbConnection CreateDbConnection()
    {
        var connection = new SqliteConnection(ConnectionString);
        connection.StateChange += (_, change) =>
        {
            if (change.CurrentState != System.Data.ConnectionState.Open) return;
            using var pragma = connection.CreateCommand();
            pragma.CommandText = $"PRAGMA busy_timeout={PatienceMilliseconds}; PRAGMA synchronous={synchronous};";
            pragma.ExecuteNonQuery();
        };
        return connection;
    }
}
