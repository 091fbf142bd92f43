using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Telemetry;

namespace Dtt.Training.Ranks;

/// <summary>What a rank says while it works: every rank that it is alive, and rank 0 the rest, for all.</summary>
internal sealed class RankReporter(TrainSpec spec, bool tensorBoard, IRankChannel channel) : IDisposable
{
    private readonly BlackBox? _blackBox = spec.BlackBoxFile is { } box ? BlackBox.Open(box) : null;

    /// <summary>The attempt's TensorBoard files, or null.</summary>
    public EventFiles? Events { get; } = tensorBoard && spec.Rank == 0 ? new EventFiles(spec.RunFolder, spec.Attempt) : null;

    /// <summary>A sign of life, which the host looks for.</summary>
    public void Beat(RankPhase phase, long step) => _blackBox?.Write(phase, step);

    /// <summary>Notes how long a step took, from which the host derives how long a rank may be silent.</summary>
    public void StepTook(double seconds) => _blackBox?.WriteStep(seconds);

    /// <summary>Notes collective operations.</summary>
    public void Collectives(long begun, long completed) => _blackBox?.WriteCollectives(begun, completed);

    /// <summary>Tells the host and the event files; ranks other than 0 tell nothing.</summary>
    public void Tell(RankMessage message)
    {
        if (spec.Rank != 0) return;
        channel.Send(message);
        if (Events?.Write(message) is { } failure) channel.Send(new RankEvent(EventKinds.TensorBoard, failure));
    }

    /// <summary>Prints a line of the log; on a full disk it is lost, and its numbers are among the metrics.</summary>
    public static void Print(string line)
    {
        try
        {
            Console.Error.WriteLine(line);
        }
        catch (IOException)
        {
            // Training goes on: the next checkpoint says that the disk is full.
        }
    }

    public void Dispose() => _blackBox?.Dispose();
}
