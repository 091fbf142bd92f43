using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Dtt.Silo.Datasets;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// What is not at its end: when a silo has come or gone, all of it looks at once whether that concerns it, instead of when it would by itself. What cannot be
/// told keeps nothing else from being told.
/// </summary>
internal sealed partial class OpenWork(
    IGrainFactory grains, IPlatformTables tables, INodeAgents agents, ShardWorker shards, TimeProvider time, ILogger<OpenWork> log)
{
    private const int Tries = 20;
    private static readonly TimeSpan _retryPeriod = TimeSpan.FromSeconds(1);

    /// <summary>Tells all of it, again when a part could not be told; after the last try their own timers, and the next change, wake them.</summary>
    public async Task WakeAsync(CancellationToken ending)
    {
        for (var tries = 0; tries < Tries && !ending.IsCancellationRequested && !await TryWakeAsync(); tries++)
            await Task.Delay(_retryPeriod, time, ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Tells the datasets, the runs and the queue.</summary>
    /// <returns>Whether all of them could be told.</returns>
    public async Task<bool> TryWakeAsync()
    {
        var datasets = await TryAsync("the datasets", async () =>
        {
            foreach (var dataset in (await tables.ListDatasetsAsync()).Where(d => d.Stage is not (DatasetStage.Done or DatasetStage.Failed)))
                shards.Start(dataset.Folder, agents.Here);
        });
        var runs = await TryAsync("the runs", async () =>
        {
            var told = true;
            foreach (var run in (await tables.ListRunsAsync()).Where(r => r.State.IsActive()))
            {
                LogGoesOn(run.Run, run.State);
                told &= await TryAsync($"run {run.Run}", () => grains.Run(run.Folder).AgentStartedAsync(agents.Here));
            }

            return told;
        });
        return await TryAsync("the queue", () => grains.GetGrain<IQueueGrain>(0).WakeAsync()) && datasets && runs;
    }

    private Task<bool> TryAsync(string what, Func<Task> tell) => TryAsync(what, async () =>
    {
        await tell();
        return true;
    });

    /// <summary>A grain fails with whatever its code throws, maybe on another silo: that is its own, and here it is told.</summary>
    private async Task<bool> TryAsync(string what, Func<Task<bool>> tell)
    {
        try
        {
            return await tell();
        }
        catch (Exception e)
        {
            LogNotWoken(what, e);
            return false;
        }
    }

    [LoggerMessage(3042, LogLevel.Information, "run {Run} is {State}, and looks whether it can go on")]
    private partial void LogGoesOn(string run, RunState state);

    [LoggerMessage(3053, LogLevel.Warning, "{What} could not be told to look whether it can go on")]
    private partial void LogNotWoken(string what, Exception exception);
}
