using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Microsoft.Extensions.Logging;

namespace Dtt.Grains.Runs;

/// <summary>
/// The copy of a run's state, events and metrics in its folder, for whoever adopts it later. It never holds the run up: a state that cannot be written now is
/// written with the next change.
/// </summary>
internal sealed partial class RunCopy(INodeAgents agents, string folder, ILogger log)
{
    private long? _kept;

    /// <summary>Brings the copy up to the state, if it is not.</summary>
    public async Task KeepAsync(DurableRun run)
    {
        if (run.Deleting || run.Record!.Version == _kept) return;
        if (await TryAsync(a => a.KeepStateAsync(folder, run))) _kept = run.Record.Version;
    }

    /// <summary>Adds metrics of an attempt.</summary>
    public Task AddMetricsAsync(int attempt, List<StepMetrics> rows) => TryAsync(a => a.KeepMetricsAsync(folder, attempt, rows));

    private async Task<bool> TryAsync(Func<INodeAgent, Task> write)
    {
        try
        {
            await write(agents.At(agents.Here));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or TimeoutException or OrleansException)
        {
            LogNotKept(folder, e);
            return false;
        }
    }

    [LoggerMessage(2005, LogLevel.Warning, "run {Run}: the copy of its state and metrics in its folder could not be written")]
    private partial void LogNotKept(string run, Exception exception);
}
