using System.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using Dtt.Training.Ranks;

namespace Dtt.Training.Checkpoints;

/// <summary>Saves the state of a step: copies it to host memory, from which it is written and committed while training goes on.</summary>
internal sealed class CheckpointSaver(
    TrainSpec spec, CheckpointOrigin origin, FlatParameters parameters, Optimizer optimizer, IRankChannel channel) : IDisposable
{
    // While the host answers that it cannot take the last commit, as when its database is away.
    private static readonly TimeSpan _longestCommit = TimeSpan.FromMinutes(10), _retryPeriod = TimeSpan.FromSeconds(1);
    private readonly CheckpointWriter _writer = new();
    private CheckpointSnapshot? _snapshot;

    /// <summary>Copies the state as it is now and begins to write it. Every rank calls this at the same time; rank 0 writes.</summary>
    /// <param name="step">Steps done.</param>
    /// <param name="trainLoss">Training loss of the last of them, nats per token.</param>
    /// <param name="valLoss">Validation loss, nats per token, or null.</param>
    /// <param name="recentLosses">What the manifest says of the losses of the last steps; null: nothing.</param>
    /// <param name="last">Whether the attempt ends here: then the write is waited for and must succeed.</param>
    /// <param name="alive">Called between its parts.</param>
    /// <exception cref="UserErrorException">This write, if it is the last, or the one before failed, or its commit was refused.</exception>
    public void Save(long step, double? trainLoss, double? valLoss, IReadOnlyList<double>? recentLosses, bool last, Action alive)
    {
        alive();
        _writer.Wait();
        alive();
        using var state = optimizer.Gather();
        if (spec.Rank != 0) return;
        var snapshot = _snapshot ??= new CheckpointSnapshot(parameters, state);
        snapshot.Capture(state);
        var manifest = origin.ManifestAt(step) with { RecentLosses = recentLosses };
        _writer.Begin(() => Write(snapshot, manifest, trainLoss, valLoss, last ? alive : null), yields: !last);
        if (last) _writer.Wait();
    }

    /// <summary>Waits for the write in the background, and its commit.</summary>
    public void Wait() => _writer.Wait();

    /// <summary>Throws what a write in the background failed with, once.</summary>
    public void ThrowIfFailed() => _writer.ThrowIfFailed();

    /// <summary>Waits for the write to end.</summary>
    public void Dispose()
    {
        _writer.Dispose();
        _snapshot?.Dispose();
    }

    /// <summary>Writes a checkpoint and has it committed. When it cannot be written and the run can go on without it, an event says so.</summary>
    /// <param name="snapshot">The state.</param>
    /// <param name="manifest">The manifest but for its files and weights' hash.</param>
    /// <param name="trainLoss">Training loss, nats per token, or null.</param>
    /// <param name="valLoss">Validation loss, nats per token, or null.</param>
    /// <param name="waiting">Of the last one, which must succeed: called whenever it has waited for its commit; else null.</param>
    private void Write(CheckpointSnapshot snapshot, CheckpointManifest manifest, double? trainLoss, double? valLoss, Action? waiting)
    {
        var step = manifest.Step;
        var folder = new RunLayout(spec.RunFolder).Checkpoint(WrittenCheckpoint.FolderNameOf(step, spec.Attempt));
        try
        {
            var written = CheckpointFolder.Write(folder, manifest, snapshot.Weights, snapshot.State, snapshot.IsOfGpu);
            var reply = Commit(written with { TrainLoss = trainLoss, ValLoss = valLoss }, waiting);
            if (reply.Transient) throw new IOException(reply.Reason);
            if (!reply.Accepted) throw new UserErrorException($"the checkpoint of step {step} was refused: {reply.Reason}.", ExitCodes.Requeue);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var what = $"the checkpoint of step {step} could not be written ({e.Message.TrimEnd('.')})";
            Discard(folder);
            if (waiting is not null)
                throw new UserErrorException($"{what}. The previous checkpoint stays; free some space and `dtt resume {spec.Run}`.", inner: e);
            channel.Send(new RankEvent(EventKinds.SaveFailed, $"{what}; training goes on, and the previous checkpoint stays"));
        }
    }

    /// <summary>Frees the space of a checkpoint that failed, as far as it can; the next attempt sweeps what stays.</summary>
    private static void Discard(string folder)
    {
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>Has a checkpoint committed; the last one is asked for again when the host cannot say.</summary>
    private CommitReply Commit(WrittenCheckpoint written, Action? waiting)
    {
        var (clock, reply) = (Stopwatch.StartNew(), channel.Commit(written));
        while (waiting is not null && reply.Transient && clock.Elapsed < _longestCommit)
        {
            Thread.Sleep(_retryPeriod);
            waiting();
            reply = channel.Commit(written);
        }

        return reply;
    }
}
