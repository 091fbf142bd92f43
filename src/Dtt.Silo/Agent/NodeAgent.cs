using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Silo.Datasets;
using Dtt.Silo.Doctor;
using Dtt.Silo.Hosting;
using Dtt.Silo.Ranks;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Dtt.Silo.Agent;

/// <summary>The agent's verbs. Files and processes are handled off the grain threads.</summary>
[Reentrant]
internal sealed class NodeAgent(
    GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory loggers,
    INodeAgents agents, RankHost ranks, JobHost jobs, ShardWorker shards, OrphanRuns orphans, SiloLife life, TimeProvider time)
    : GrainService(id, silo, loggers), INodeAgent
{
    public Task<ReserveReply> ReserveAsync(string run, int attempt, DeviceRequest request) => Task.FromResult(ranks.Reserve(run, attempt, request));

    public Task ReleaseAsync(string run, int attempt)
    {
        ranks.Release(run, attempt);
        return Task.CompletedTask;
    }

    public Task LaunchAsync(LaunchRequest request)
    {
        ranks.Launch(request, agents.Here);
        return Task.CompletedTask;
    }

    public Task StopRankAsync(string run, int attempt)
    {
        ranks.Stop(run, attempt);
        return Task.CompletedTask;
    }

    public Task<bool> PrepareFolderAsync(string folder, string configYaml) => Task.Run(() => RunFolder.Prepare(new RunLayout(folder), configYaml));

    public Task DeleteCheckpointsAsync(string folder, string[] checkpoints) => Task.Run(() => RunFolder.DeleteCheckpoints(new RunLayout(folder), checkpoints));

    public Task DeleteFolderAsync(string folder) => Task.Run(() =>
    {
        RunFolder.Delete(new RunLayout(folder));
        ranks.Forget(folder);
    });

    public Task<LogChunk> ReadLogAsync(string folder, int attempt, int rank, long offset) =>
        Task.Run(() => RankLog.Read(new RunLayout(folder).Log(attempt, rank), offset));

    public Task StartJobAsync(Guid job, RankMessage work, Dictionary<string, string> environment) => jobs.StartAsync(job, work, environment);

    public Task StopJobAsync(Guid job)
    {
        jobs.Stop(job);
        return Task.CompletedTask;
    }

    public Task WorkAvailableAsync(string dataset)
    {
        shards.Start(dataset, agents.Here);
        return Task.CompletedTask;
    }

    public Task<string[]> FindOrphansAsync(string runsFolder) => Task.Run(() => orphans.Find(runsFolder));

    public Task<Adoption?> ReadOrphanAsync(string folder, bool known, bool force) => Task.Run(() => orphans.ReadAsync(folder, known, force));

    public Task KeepStateAsync(string folder, DurableRun run) => Task.Run(() => orphans.Keep(folder, run));

    public Task KeepMetricsAsync(string folder, int attempt, List<StepMetrics> rows) => Task.Run(() => OrphanRuns.KeepMetrics(folder, attempt, rows));

    public Task<string[]> FindGoneAsync(string[] folders) => Task.Run(() => folders.Where(f => !Directory.Exists(f)).ToArray());

    public Task<NodeExam> ExamineAsync() => Task.Run(() =>
    {
        var peers = agents.Alive().Where(n => n != agents.Here).ToDictionary(n => n.Node, n => SiloAddress.FromParsableString(n.Silo).Endpoint);
        return NodeDoctor.ExamineAsync(agents.Here.Node, new ExaminedNode(Serves: true, peers), time);
    });

    public Task<SiloReport> StatusAsync() => Task.FromResult(life.Report());

    public Task<bool> StopSiloAsync(bool force) => Task.FromResult(life.TryEnd(force));
}
