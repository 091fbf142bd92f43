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
internal sealed partial class PlatformGrain(IPlatformTables tables, INodeAgents agents, TimeProvider time, ILogger<PlatformGrain> log) : Grain, IPlatformGrain
{
    private static readonly TimeSpan _answerTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _examineTimeout = TimeSpan.FromSeconds(25);

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

    public async Task<NodeRow[]> NodesAsync() => await Task.WhenAll((await agents.KnownAsync()).Select(AskAsync));

    public async Task<NodeExam[]> ExamineAsync() => await Task.WhenAll(agents.Alive().Select(ExamineAsync));

    public Task<string[]> AliveAsync() => Task.FromResult(agents.Alive().Select(n => n.Silo).ToArray());

    public Task<SiloReport> StatusAsync() => agents.At(agents.Here).StatusAsync();

    public Task<bool> StopSiloAsync(bool force) => agents.At(agents.Here).StopSiloAsync(force);

    /// <summary>A node that does not answer is shown as such, and keeps nobody waiting.</summary>
    private async Task<NodeRow> AskAsync(NodeLife life)
    {
        var silent = new NodeRow(life.Node.Node, life.Address, life.State == NodeState.Alive ? NodeState.Silent : life.State, life.LastSeen, null);
        if (life.State != NodeState.Alive) return silent;
        try
        {
            var report = await agents.At(life.Node).StatusAsync().WaitAsync(_answerTimeout, time);
            return silent with { State = NodeState.Alive, LastSeen = time.GetUtcNow(), Report = report };
        }
        catch (Exception e) when (e is TimeoutException or OrleansException or IOException)
        {
            return silent;
        }
    }

    private async Task<NodeExam> ExamineAsync(NodeRef node)
    {
        var at = time.GetUtcNow();
        try
        {
            return await agents.At(node).ExamineAsync().WaitAsync(_examineTimeout, time);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException or IOException)
        {
            var silent = $"its silo does not answer within {_examineTimeout.TotalSeconds:0} s: look at the node and at its silo's log.";
            return new NodeExam(node.Node, at, [new CheckResult("silo", silent, Fault: true)]);
        }
    }

    [LoggerMessage(2301, LogLevel.Warning, "the run in {Folder} could not be adopted: {Why}")]
    private partial void LogNotAdopted(string folder, string why);
}
