using System.Collections.Concurrent;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using Dtt.Grains.Storage;

namespace Dtt.Silo.Agent;

/// <summary>Standalone runs (<c>dtt-rank --standalone</c>, an import), which keep their state in their folders until the platform adopts them.</summary>
internal sealed class OrphanRuns(IPlatformTables tables)
{
    private readonly ConcurrentDictionary<string, FileLock> _adopting = new(StringComparer.Ordinal); // nobody trains a run while it is adopted

    /// <summary>Folders of such runs; one that is being trained is left out.</summary>
    public string[] Find(string runsFolder) => !Directory.Exists(runsFolder) ? [] :
    [
        .. Directory.EnumerateDirectories(runsFolder)
            .Where(f => !Path.GetFileName(f).StartsWith('.') && IsOrphan(new RunLayout(f)))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Brings such a run's metrics and events into the tables, and gives its state; null when there is none.</summary>
    public async Task<DurableRun?> ReadAsync(string folder)
    {
        var layout = new RunLayout(folder);
        if (!File.Exists(layout.State) || !TryOwn(layout)) return null;
        try
        {
            var run = RunFile.Read(layout);
            foreach (var attempt in run.Record!.Attempts)
                await tables.AddMetricsAsync(folder, attempt.Attempt, [.. RunFile.ReadMetrics(layout, attempt.Attempt)]);
            await tables.AddEventsAsync(folder, RunFile.ReadEvents(layout));
            return run;
        }
        catch
        {
            Release(layout); // it stays standalone, and may be resumed as such
            throw;
        }
    }

    /// <summary>Marks such a run as adopted.</summary>
    public void MarkAdopted(string folder)
    {
        var layout = new RunLayout(folder);
        if (!File.Exists(layout.State) || !TryOwn(layout)) return;
        File.Move(layout.State, layout.AdoptedState, overwrite: true);
        Release(layout);
    }

    private bool IsOrphan(RunLayout layout) => File.Exists(layout.State) && (_adopting.ContainsKey(layout.Folder) || !FileLock.IsHeld(layout.Owner));

    private void Release(RunLayout layout)
    {
        if (_adopting.TryRemove(layout.Folder, out var owner)) owner.Dispose();
    }

    private bool TryOwn(RunLayout layout)
    {
        if (_adopting.ContainsKey(layout.Folder)) return true;
        if (FileLock.TryAcquire(layout.Owner) is not { } owner) return false;
        if (!_adopting.TryAdd(layout.Folder, owner)) owner.Dispose();
        return true;
    }
}
