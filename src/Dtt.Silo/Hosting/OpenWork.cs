using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Dtt.Silo.Datasets;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// What is not at its end: when a silo has come or gone, all of it looks at once whether that concerns it, instead of when it would by itself.
/// </summary>
internal sealed partial class OpenWork(IGrainFactory grains, IPlatformTables tables, INodeAgents agents, ShardWorker shards, ILogger<OpenWork> log)
{
    /// <summary>Tells the runs, the datasets and the queue.</summary>
    /// <exception cref="IOException">The tables cannot be read.</exception>
    public async Task WakeAsync()
    {
        foreach (var dataset in (await tables.ListDatasetsAsync()).Where(d => d.Stage is not (DatasetStage.Done or DatasetStage.Failed)))
            shards.Start(dataset.Folder, agents.Here);
        foreach (var run in (await tables.ListRunsAsync()).Where(r => r.State.IsActive()))
        {
            LogGoesOn(run.Run, run.State);
            await grains.Run(run.Folder).AgentStartedAsync(agents.Here);
        }

        await grains.GetGrain<IQueueGrain>(0).WakeAsync();
    }

    [LoggerMessage(3042, LogLevel.Information, "run {Run} is {State}, and looks whether it can go on")]
    private partial void LogGoesOn(string run, RunState state);
}
