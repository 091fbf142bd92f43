using Dtt.Abstractions;
using Dtt.Grains.Agents;
using Dtt.Grains.Alerts;
using Dtt.Grains.Storage;
using Dtt.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.Hosting;
using Orleans.TestingHost;

namespace Dtt.Grains.Tests.Platform;

/// <summary>The platform's grains in one silo of this process, over storage, tables and an agent in memory.</summary>
internal sealed class TestPlatform(FakeAgents agents) : IAsyncDisposable
{
    private InProcessTestCluster? _cluster;

    public FakeAgents Agents => agents;

    public MemoryStorage Storage { get; } = new();

    public AlertQueue Alerts { get; } = new();

    public MemoryTables Tables { get; } = new();

    public IGrainFactory Grains => _cluster!.Client;

    public static async Task<TestPlatform> StartAsync(FakeAgents agents, Action<ISiloBuilder>? configure = null)
    {
        var platform = new TestPlatform(agents);
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton<IPlatformTables>(platform.Tables).AddSingleton<INodeAgents>(agents).AddSingleton(platform.Alerts)
                .AddSingleton<RunMeter>()
                .AddGrainStorage(StateStorage.Provider, (_, _) => platform.Storage).AddGrainStorage(StateStorage.PieceProvider, (_, _) => platform.Storage)
                .AddPlatformWire(GrainJson.Default);
            silo.UseInMemoryReminderService();
            configure?.Invoke(silo);
        });
        builder.ConfigureClient(client => client.Services.AddPlatformWire(GrainJson.Default));
        platform._cluster = builder.Build();
        await platform._cluster.DeployAsync();
        return platform;
    }

    /// <summary>Ends a grain's activation: the next call reads the state again.</summary>
    public Task DeactivateAsync(IAddressable grain) => _cluster!.DeactivateAsync(grain);

    public async ValueTask DisposeAsync() => await _cluster!.DisposeAsync();
}
