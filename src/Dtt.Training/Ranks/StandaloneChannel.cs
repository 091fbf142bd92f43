using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Training.Ranks;

/// <summary>The rank is its own host: for a debugger, and as the bare loop in benchmarks.</summary>
internal sealed class StandaloneChannel(AttemptHost host) : IRankChannel
{
    private readonly Lock _telling = new(); // training and the writing of a checkpoint speak at the same time
    private volatile bool _stop;

    public bool StopRequested => _stop;

    /// <summary>Asks for a stop, as a host would.</summary>
    public void Stop() => _stop = true;

    public void Send(RankMessage message) => _ = Tell(message);

    public CommitReply Commit(CommittedCheckpoint checkpoint) => ((CommitAnswer)Tell(new CommitRequest(checkpoint))!).Reply;

    /// <summary>A rank that is its own host has no peers.</summary>
    public IReadOnlyList<string> Meet(string endpoint) => [endpoint];

    private RankMessage? Tell(RankMessage message)
    {
        lock (_telling) return host.Take(message);
    }
}
