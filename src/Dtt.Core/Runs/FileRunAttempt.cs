using System.Text.Json;
using Dtt.Core.Storage;

namespace Dtt.Core.Runs;

/// <summary>The one attempt that owns a run in a <see cref="FileRunStore"/>: the lock makes it the only writer, the attempt in every name fences its predecessors.</summary>
public sealed class FileRunAttempt : IDisposable
{
    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly FileLock _owner;
    private readonly TimeProvider _time;
    private readonly LineLog _metrics;
    private readonly LineLog _events;

    internal FileRunAttempt(string folder, RunRecord record, FileLock owner, TimeProvider time)
    {
        (_folder, _owner, _time) = (folder, owner, time);
        Record = record;
        Write(RunRules.BeginAttempt(record, time.GetUtcNow()));
        Directory.CreateDirectory(Path.Combine(folder, "metrics"));
        _events = new LineLog(FileRunStore.EventsFile(folder));
        _metrics = new LineLog(FileRunStore.MetricsFile(folder, Attempt));
        Sweep();
    }

    /// <summary>The run's state as of the last change made here.</summary>
    public RunRecord Record { get; private set; }

    /// <summary>The attempt's number.</summary>
    public int Attempt => Record.CurrentAttempt;

    /// <summary>Notes what the rank found when it was ready.</summary>
    public void Started(long fromStep, RunPlan plan, string fingerprint)
    {
        lock (_gate) Write(RunRules.Started(Record, Attempt, fromStep, plan, fingerprint));
    }

    /// <summary>Stores metrics; a key that is there already is left alone.</summary>
    public void Append(IReadOnlyList<StepMetrics> rows)
    {
        lock (_gate)
        {
            foreach (var row in rows) _metrics.Append(JsonSerializer.SerializeToUtf8Bytes(row, RunJson.Default.StepMetrics));
        }
    }

    /// <summary>Stores an event.</summary>
    public void Append(string kind, string message)
    {
        lock (_gate) _events.Append(JsonSerializer.SerializeToUtf8Bytes(new RunEvent(_time.GetUtcNow(), kind, message), RunJson.Default.RunEvent));
    }

    /// <summary>Commits a checkpoint once all metrics up to its step are durable.</summary>
    public CommitReply Commit(CommittedCheckpoint checkpoint)
    {
        lock (_gate)
        {
            _metrics.Sync();
            var (next, reply) = RunRules.Commit(Record, checkpoint);
            if (next != Record) Write(next);
            return reply;
        }
    }

    /// <summary>Lets go of all checkpoints but the newest <paramref name="keep"/>, the best and the pinned.</summary>
    public void Retain(int keep)
    {
        lock (_gate)
        {
            var expired = RunRules.Expired(Record, keep);
            if (expired.Count == 0) return;
            Write(RunRules.Forget(Record, expired));
            foreach (var checkpoint in expired) Discard(Path.Combine(_folder, "checkpoints", checkpoint.FolderName));
        }
    }

    /// <summary>Ends the attempt.</summary>
    public void End(RunState state, string outcome)
    {
        lock (_gate) Write(RunRules.EndAttempt(Record, Attempt, state, outcome, _time.GetUtcNow()));
    }

    /// <summary>Lets go of the run.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _metrics.Dispose();
            _events.Dispose();
            _owner.Dispose();
        }
    }

    /// <summary>Replaces the record. A write that failed half-way is looked at before anything is said: it may have come through.</summary>
    private void Write(RunRecord next)
    {
        var written = next with { Version = Record.Version + 1 };
        try
        {
            DurableFile.Replace(FileRunStore.RecordFile(_folder), JsonSerializer.SerializeToUtf8Bytes(written, RunJson.Indented.RunRecord));
        }
        catch (IOException)
        {
            if (FileRunStore.Read(_folder).Version != written.Version) throw;
        }

        Record = written;
    }

    /// <summary>Deletes what earlier attempts left uncommitted. A folder is first renamed, so a half-deleted one is never taken for a checkpoint.</summary>
    private void Sweep()
    {
        var trash = Path.Combine(_folder, ".trash");
        if (Directory.Exists(trash)) Directory.Delete(trash, recursive: true);
        var checkpoints = Path.Combine(_folder, "checkpoints");
        if (!Directory.Exists(checkpoints)) return;
        var committed = Record.Checkpoints.Select(c => c.FolderName).ToHashSet(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateDirectories(checkpoints))
        {
            if (!committed.Contains(Path.GetFileName(path))) Discard(path);
        }
    }

    private void Discard(string path)
    {
        if (!Directory.Exists(path)) return;
        var trash = Path.Combine(_folder, ".trash");
        Directory.CreateDirectory(trash);
        var moved = Path.Combine(trash, $"{Path.GetFileName(path)}-{Guid.NewGuid():N}");
        Directory.Move(path, moved);
        Directory.Delete(moved, recursive: true);
    }
}
