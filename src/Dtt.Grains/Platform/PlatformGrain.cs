using Dtt.Abstractions;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Orleans.Concurrency;

namespace Dtt.Grains.Platform;

/// <summary>Questions about the platform as a whole.</summary>
[GrainType("platform"), StatelessWorker]
internal sealed class PlatformGrain(IPlatformTables tables, INodeAgents agents) : Grain, IPlatformGrain
{
    public async Task<RunRow[]> RunsAsync(string? runsFolder)
    {
        if (runsFolder is not null)
        {
            foreach (var orphan in await agents.At(agents.Here).FindOrphansAsync(runsFolder)) await GrainFactory.GetGrain<IRunGrain>(orphan).AdoptAsync();
        }

        return [.. await tables.ListRunsAsync()];
    }

    public async Task<DatasetProgress[]> DatasetsAsync() => [.. await tables.ListDatasetsAsync()];

    public Task<SiloReport> StatusAsync() => agents.At(agents.Here).StatusAsync();

    public Task<bool> StopSiloAsync(bool force) => agents.At(agents.Here).StopSiloAsync(force);
}
