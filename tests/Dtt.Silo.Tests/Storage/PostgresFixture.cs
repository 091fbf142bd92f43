using Dtt.Tests;

[assembly: AssemblyFixture(typeof(Dtt.Silo.Tests.Storage.PostgresFixture))]

namespace Dtt.Silo.Tests.Storage;

/// <summary>One PostgreSQL for all tests of this project that do not end it, started by the first.</summary>
public sealed class PostgresFixture : IAsyncDisposable
{
    private readonly SemaphoreSlim _once = new(1);
    private PostgresServer? _server;

    /// <summary>The server; the test is skipped where none is installed.</summary>
    public async Task<PostgresServer> ServerAsync()
    {
        await _once.WaitAsync();
        try
        {
            return _server ??= await PostgresServer.StartAsync();
        }
        finally
        {
            _once.Release();
        }
    }

    public ValueTask DisposeAsync() => _server is null ? default : _server.DisposeAsync();
}
