using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Core.Storage;

namespace Dtt.Core.Ranks;

/// <summary>
/// The host's side of an attempt whose rank stands alone: turns its messages into the run's durable state in a <see cref="FileRunStore"/>.
/// </summary>
public sealed class AttemptHost(FileRunStore store, FileRunAttempt attempt, RunConfig config)
{
    /// <summary>How the rank said it ended: <see cref="RankFinished"/>, <see cref="RankFailed"/>, or null while it runs.</summary>
    public RankMessage? Ending { get; private set; }

    /// <summary>The spec that starts this attempt's rank.</summary>
    /// <param name="configYaml">The run's configuration.</param>
    public TrainSpec Spec(string configYaml) => new()
    {
        Run = attempt.Record.Run,
        RunFolder = Path.GetFullPath(store.FolderOf(attempt.Record.Run)),
        Attempt = attempt.Attempt,
        ConfigYaml = configYaml,
        TokensFolder = attempt.Record.TokensFolder,
        TokenizerFolder = attempt.Record.TokenizerFolder,
        GlobalBatchWindows = attempt.Record.GlobalBatchWindows,
        ResumeFrom = [.. attempt.Record.Checkpoints.Reverse()],
    };

    /// <summary>Takes one message; the answer goes back to the rank when there is one.</summary>
    public RankMessage? Take(RankMessage message)
    {
        switch (message)
        {
            case RankStarted started:
                attempt.Started(started.FromStep, started.Plan, started.Fingerprint);
                attempt.Append("started", $"attempt {attempt.Attempt} on {started.Device}, " + (started.FromStep == 0 ? "from fresh weights" : $"from step {started.FromStep}"));
                break;
            case MetricsReport report:
                attempt.Append(report.Rows);
                break;
            case RankEvent happened:
                attempt.Append(happened.Kind, happened.Message);
                break;
            case TrainingSample sample:
                Save(sample);
                break;
            case CommitRequest request:
                return new CommitAnswer(request.Checkpoint.Step, Commit(request.Checkpoint));
            case RankFinished or RankFailed:
                Ending = message;
                break;
        }

        return null;
    }

    /// <summary>Ends the attempt once the rank is done.</summary>
    public RunState End()
    {
        switch (Ending)
        {
            case RankFinished { Completed: true } finished:
                attempt.Append("completed", $"all {finished.Step} steps are done");
                attempt.End(RunState.Completed, "completed");
                return RunState.Completed;
            case RankFinished finished:
                attempt.Append("stopped", $"stopped on request after step {finished.Step}");
                attempt.End(RunState.Stopped, "stopped");
                return RunState.Stopped;
            case RankFailed failed:
                attempt.Append("failed", failed.Message);
                attempt.End(RunState.Failed, failed.Message);
                return RunState.Failed;
            default:
                throw new InvalidOperationException("the rank ended without a last word.");
        }
    }

    private CommitReply Commit(CommittedCheckpoint checkpoint)
    {
        CommitReply reply;
        try
        {
            reply = attempt.Commit(checkpoint);
        }
        catch (IOException e)
        {
            return new CommitReply(false, e.Message, Passing: true);
        }

        attempt.Append(reply.Accepted ? "committed" : "refused", reply.Accepted
            ? $"step {checkpoint.Step} ({checkpoint.SizeBytes / 1e6:0.0} MB)" + (checkpoint.ValLoss is { } loss ? $", val loss {loss:0.0000}" : "")
            : $"step {checkpoint.Step}: {reply.Reason}");
        if (reply.Accepted) attempt.Retain(config.Keep);
        return reply;
    }

    private void Save(TrainingSample sample)
    {
        var folder = Path.Combine(store.FolderOf(attempt.Record.Run), "samples");
        Directory.CreateDirectory(folder);
        DurableFile.Replace(Path.Combine(folder, $"step_{sample.Step:00000000}.txt"), Encoding.UTF8.GetBytes(sample.Text + "\n"));
    }
}
