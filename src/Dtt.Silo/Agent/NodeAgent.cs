using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Silo.Datasets;
using Dtt.Silo.Hosting;
using Dtt.Silo.Ranks;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Dtt.Silo.Agent;

/// <summary>The agent's verbs. Files and processes are handled off the grain threads.</summary>
[Reentrant]
internal sealed class NodeAgent(GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory loggers, INodeAgents agents, RankHost ranks, SampleHost samples, ShardWorker shards, StrayRuns strays, SiloLife life)
    : GrainService(id, silo, loggers), INodeAgent
{
    public Task<ReserveReply> ReserveAsync(string run, int attempt, DeviceRequest wish) => Task.FromResult(ranks.Reserve(run, attempt, wish));

    public Task ReleaseAsync(string run, int attempt)
    {
        ranks.Release(run, attempt);
        return Task.CompletedTask;
    }

    public Task LaunchAsync(LaunchRequest order)
    {
        ranks.Launch(order, agents.Here);
        return Task.CompletedTask;
    }

    public Task StopRankAsync(string run, int attempt)
    {
        ranks.Stop(run, attempt);
        return Task.CompletedTask;
    }

    public Task<bool> PrepareFolderAsync(string folder, string configYaml) => Task.Run(() => RunFolder.Prepare(folder, configYaml));

    public Task DiscardAsync(string folder, string[] checkpoints) => Task.Run(() => RunFolder.Discard(folder, checkpoints));

    public Task DeleteFolderAsync(string folder) => Task.Run(() => RunFolder.Delete(folder));

    public Task<LogChunk> ReadLogAsync(string folder, int attempt, int rank, long offset) => Task.Run(() => RunFolder.ReadLog(folder, attempt, rank, offset));

    public Task StartSampleAsync(Guid sampling, SampleSpec spec, Dictionary<string, string> environment) => samples.StartAsync(sampling, spec, environment);

    public Task StopSampleAsync(Guid sampling)
    {
        samples.Stop(sampling);
        return Task.CompletedTask;
    }

    public Task WorkAvailableAsync(string dataset)
    {
        shards.Start(dataset, agents.Here);
        return Task.CompletedTask;
    }

    public Task<string[]> FindStraysAsync(string runsFolder) => Task.Run(() => StrayRuns.Find(runsFolder));

    public Task<StrayRun?> ReadStrayAsync(string folder) => Task.Run(() => strays.Read(folder));

    public Task SettleStrayAsync(string folder) => Task.Run(() => StrayRuns.Settle(folder));

    public Task<SiloReport> StatusAsync() => Task.FromResult(life.Report());

    public Task<bool> StopSiloAsync(bool force) => Task.FromResult(life.TryEnd(force));
}
