using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Dtt.Silo.Datasets;
using Dtt.Silo.Ranks;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// Once the silo is up: what dead silos left is killed, then the runs and datasets that are not at their end are told, so they go on. Only then the silo is
/// announced to clients.
/// </summary>
internal sealed partial class Announcer(
    IGrainFactory grains, IPlatformTables tables, INodeAgents agents, ShardWorker shards, ILogger<Announcer> log) : IStartupTask
{
    public async Task Execute(CancellationToken cancellationToken)
    {
        foreach (var process in OwnerSweep.Run()) LogSwept(process);
        foreach (var run in (await tables.ListRunsAsync()).Where(r => r.State.IsActive()))
        {
            LogGoesOn(run.Run, run.State);
            await grains.Run(run.Folder).AgentStartedAsync(agents.Here);
        }

        foreach (var dataset in (await tables.ListDatasetsAsync()).Where(d => d.Stage is not (DatasetStage.Done or DatasetStage.Failed)))
            shards.Start(dataset.Folder, agents.Here);
        await grains.GetGrain<IQueueGrain>(0).WakeAsync();
    }

    [LoggerMessage(3041, LogLevel.Warning, "killed process {Process}, a rank whose silo is dead")]
    private partial void LogSwept(int process);

    [LoggerMessage(3042, LogLevel.Information, "run {Run} was {State} when its silo ended")]
    private partial void LogGoesOn(string run, RunState state);
}
