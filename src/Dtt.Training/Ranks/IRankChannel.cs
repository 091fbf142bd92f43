using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Training.Ranks;

/// <summary>
/// How a rank speaks with its host: over a pipe (<see cref="PipeChannel"/>) or within the process (<see cref="Standalone.StandaloneChannel"/>).
/// </summary>
internal interface IRankChannel
{
    /// <summary>Whether the host asked to stop.</summary>
    bool StopRequested { get; }

    /// <summary>Tells the host.</summary>
    void Send(RankMessage message);

    /// <summary>Asks for a commit and waits for the answer.</summary>
    CommitReply Commit(WrittenCheckpoint checkpoint);

    /// <summary>Says where this rank listens, and waits until the host knows it of all.</summary>
    /// <returns>Address and port of every rank.</returns>
    IReadOnlyList<string> Meet(string endpoint);
}
