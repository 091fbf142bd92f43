using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>Two nodes with a network between them that can be cut.</summary>
public sealed class NetworkNodes : TwoNodes
{
    private Network _network = null!;

    public override string? Missing => Network.Missing ?? PostgresServer.Missing;

    /// <summary>The network.</summary>
    internal Network Network => _network;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _network?.Dispose();
    }

    protected override async Task PrepareAsync()
    {
        _network = await Network.StartAsync();
        await Network.AddAsync("a");
        await Network.AddAsync("b");
    }

    protected override Task<PostgresServer> StartServerAsync() => PostgresServer.StartAsync(Network.AtHub, Network.Hub);

    protected override string AddressOf(string node) => Network.AddressOf(node);

    protected override string[] Within(string? node) => node is null ? Network.AtHub : Network.At(node);
}
