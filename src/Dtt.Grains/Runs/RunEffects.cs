using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Devices;

namespace Dtt.Grains.Runs;

/// <summary>Performs what <see cref="RunDecider"/> asks of others: the queue, the nodes, the experiment.</summary>
internal sealed class RunEffects(IGrainFactory grains, INodeAgents agents, string folder)
{
    /// <summary>Performs an effect; the same effect again does nothing more.</summary>
    public async Task PerformAsync(RunEffect effect, DurableRun run)
    {
        var queue = grains.GetGrain<IQueueGrain>(0);
        switch (effect)
        {
            case RunEffect.Enqueue enqueue:
                await queue.EnqueueAsync(folder, enqueue.Attempt, run.Request!.Priority, run.Wanted, enqueue.NotBefore);
                break;
            case RunEffect.Dequeue:
                await queue.DequeueAsync(folder);
                break;
            case RunEffect.WakeQueue:
                await queue.WakeAsync();
                break;
            case RunEffect.Launch launch:
                await agents.At(launch.Placement.Node)
                    .LaunchAsync(new LaunchRequest(TrainSpec.Of(run, folder, launch.Placement), launch.Placement.Devices, run.Request!.Environment));
                break;
            case RunEffect.StopRank stop:
                await agents.At(stop.Node).StopRankAsync(folder, stop.Attempt);
                break;
            case RunEffect.DeleteCheckpoints delete:
                await agents.At(agents.Here).DeleteCheckpointsAsync(folder, [.. delete.Folders]);
                break;
            case RunEffect.Erase:
                await agents.At(agents.Here).DeleteFolderAsync(folder);
                await Experiment(run).RemoveAsync(folder);
                break;
            case RunEffect.JoinExperiment:
                await Experiment(run).AddAsync(folder, run.Request!.ConfigYaml);
                break;
        }
    }

    /// <summary>Nodes beside those of the current attempt that have devices for the next one, which are reserved for it then.</summary>
    public async Task<IReadOnlyList<string>> FindMoreNodesAsync(DurableRun run)
    {
        var found = new List<string>();
        var missing = (run.Wanted.Nodes == 0 ? int.MaxValue : run.Wanted.Nodes) - run.Placements.Count;
        foreach (var node in agents.Alive().Where(n => run.Placements.All(p => p.Node != n)))
        {
            if (found.Count == Math.Min(missing, run.Wanted.MaxNodes - run.Placements.Count)) break;
            var reply = await agents.At(node).ReserveAsync(folder, run.Record!.CurrentAttempt + 1, run.Wanted);
            if (reply.Devices.Count == 0) continue;
            if (DeviceTable.IsCpu(reply.Devices[0]) == DeviceTable.IsCpu(run.Placements[0].Devices[0])) found.Add(node.Node);
            else await agents.At(node).ReleaseAsync(folder, run.Record.CurrentAttempt + 1);
        }

        return found;
    }

    private IExperimentGrain Experiment(DurableRun run) =>
        grains.Experiment(Path.Combine(Path.GetDirectoryName(folder)!, run.Request!.Config.Name));
}
