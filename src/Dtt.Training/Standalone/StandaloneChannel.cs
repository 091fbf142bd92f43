using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Ranks;

namespace Dtt.Training.Standalone;

/// <summary>The rank is its own host: for a debugger, and as the bare loop in benchmarks.</summary>
internal sealed class StandaloneChannel(StandaloneRun run) : IRankChannel
{
    private volatile bool _stop;

    public bool StopRequested => _stop;

    /// <summary>Asks for a stop, as a host would.</summary>
    public void Stop()
    {
        _stop = true;
        run.RequestStop();
    }

    public void Send(RankMessage message) => run.Report(message);

    public CommitReply Commit(WrittenCheckpoint checkpoint) => run.Commit(checkpoint);

    /// <summary>A rank that is its own host has no peers.</summary>
    public IReadOnlyList<string> Meet(string endpoint) => [endpoint];
}
