using System.Collections.Concurrent;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using Dtt.Grains.Storage;

namespace Dtt.Silo.Agent;

/// <summary>
/// The state of runs in their folders. A standalone run (<c>dtt-rank --standalone</c>, an import) has its own there until the platform adopts it; from then on
/// the platform keeps a copy of its state there, so that the folder is enough to adopt the run again: moved, under another platform, on another machine.
/// </summary>
internal sealed class OrphanRuns(IPlatformTables tables, PlatformFolders folders)
{
    private readonly ConcurrentDictionary<string, FileLock> _adopting = new(StringComparer.Ordinal); // nobody trains a run while it is adopted

    /// <summary>Folders of standalone runs that nobody trains, and of runs that came from another folder.</summary>
    public string[] Find(string runsFolder) => !Directory.Exists(runsFolder) ? [] :
    [
        .. Directory.EnumerateDirectories(runsFolder)
            .Where(f => !Path.GetFileName(f).StartsWith('.') && IsOrphan(new RunLayout(f)))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The run in a folder, its metrics and events brought into the tables; null when there is none to adopt.</summary>
    /// <exception cref="UserErrorException">Another platform trains it.</exception>
    public async Task<Adoption?> ReadAsync(string folder, bool known, bool force)
    {
        var layout = new RunLayout(folder);
        if (known && (RunFile.FindCopy(layout) is not { } copy || IsOurs(layout, copy))) return null;
        var standalone = !known && File.Exists(layout.State);
        if (standalone && !TryOwn(layout)) return null;
        try
        {
            if (RunFile.Find(layout) is not { } file) return null;
            if (!force && file.Run.IsActive && file.Home is { } home && home != folders.Home && file.Folder == folder)
            {
                throw new UserErrorException($"run '{layout.Run}' in {folder} is being trained by the platform in {home}. Stop it there first: "
                    + $"`DTT_HOME={home} dtt stop {folder}`; if that platform is gone, take the run with `dtt adopt {folder} --force`.");
            }

            var found = Adoption.Of(layout, file, folders.Home);
            foreach (var attempt in found.Run.Record!.Attempts)
                await tables.AddMetricsAsync(folder, attempt.Attempt, [.. RunFile.ReadMetrics(layout, attempt.Attempt)]);
            await tables.AddEventsAsync(folder, RunFile.ReadEvents(layout));
            return found;
        }
        catch
        {
            if (standalone) Release(layout); // it stays standalone, and may be resumed as such
            throw;
        }
    }

    /// <summary>Keeps a copy of a run's state and events, and of its tokenizer, in its folder; a standalone run's own state goes.</summary>
    public void Keep(string folder, DurableRun run)
    {
        var layout = new RunLayout(folder);
        if (!Directory.Exists(folder)) return; // it was moved away
        if (RunFile.FindCopy(layout) is { } copy && !IsOurs(layout, copy) && copy.Run.LastEvent >= run.LastEvent) return;
        KeepEvents(layout, run.Events);
        RunFile.WriteCopy(layout, run, folders.Home);
        RunFolder.KeepTokenizer(layout, run.Request!.TokenizerFolder);
        File.Delete(layout.AdoptedState);
        if (!File.Exists(layout.State) || !TryOwn(layout)) return;
        File.Delete(layout.State);
        Release(layout);
    }

    /// <summary>Adds metrics of an attempt to those in the run's folder; a row that comes twice is read once.</summary>
    public static void KeepMetrics(string folder, int attempt, IEnumerable<StepMetrics> rows)
    {
        if (!Directory.Exists(folder)) return;
        var file = new RunLayout(folder).Metrics(attempt);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        using var log = new LineLog(file);
        foreach (var row in rows) log.Append(JsonSerializer.SerializeToUtf8Bytes(row, RunJson.Default.StepMetrics));
        log.Flush();
    }

    /// <summary>Adds the events that follow those in the folder. The file's lines are their numbers: where some are missing, it ends.</summary>
    private static void KeepEvents(RunLayout layout, IReadOnlyList<NumberedEvent> events)
    {
        var written = RunFile.ReadEvents(layout).Count;
        var following = events.Where(e => e.Number > written).TakeWhile(e => e.Number == ++written).ToList();
        if (following.Count == 0) return;
        using var log = new LineLog(layout.Events);
        foreach (var e in following) log.Append(JsonSerializer.SerializeToUtf8Bytes(e.Event, RunJson.Default.RunEvent));
        log.Flush();
    }

    private bool IsOurs(RunLayout layout, RunFile copy) => copy.Home == folders.Home && copy.Folder == layout.Folder;

    private bool IsOrphan(RunLayout layout) => File.Exists(layout.State)
        ? _adopting.ContainsKey(layout.Folder) || !FileLock.IsHeld(layout.Owner)
        : RunFile.FindCopy(layout) is { } copy && copy.Folder != layout.Folder;

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
