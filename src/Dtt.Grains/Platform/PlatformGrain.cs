using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Dtt.Grains.Platform;

/// <summary>Questions about the platform as a whole.</summary>
[GrainType("platform"), StatelessWorker]
internal sealed partial class PlatformGrain(IPlatformTables tables, INodeAgents agents, ILogger<PlatformGrain> log) : Grain, IPlatformGrain
{
    public async Task<RunRow[]> RunsAsync(string? runsFolder)
    {
        if (runsFolder is not null)
        {
            foreach (var orphan in await agents.At(agents.Here).FindOrphansAsync(runsFolder)) await AdoptAsync(orphan);
        }

        var rows = await tables.ListRunsAsync();
        var gone = await agents.At(agents.Here).FindGoneAsync([.. rows.Where(r => !r.State.IsActive()).Select(r => r.Folder)]);
        return [.. rows.ExceptBy(gone, r => r.Folder)];
    }

    /// <summary>One that cannot be adopted, its state being damaged or of a newer build, hides no other.</summary>
    private async Task AdoptAsync(string orphan)
    {
        try
        {
            await GrainFactory.Run(orphan).AdoptAsync();
        }
        catch (Exception e) when (e is UserErrorException or IOException)
        {
            LogNotAdopted(orphan, e.Message);
        }
    }

    public async Task<DatasetProgress[]> DatasetsAsync() => [.. await tables.ListDatasetsAsync()];

    public Task<SiloReport> StatusAsync() => agents.At(agents.Here).StatusAsync();

    public Task<bool> StopSiloAsync(bool force) => agents.At(agents.Here).StopSiloAsync(force);

    [LoggerMessage(2301, LogLevel.Warning, "the run in {Folder} could not be adopted: {Why}")]
    private partial void LogNotAdopted(string folder, string why);
}
