using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;

namespace Dtt.Silo.Agent;

/// <summary>Runs that were trained outside of the platform (by `dtt-rank --standalone`, or by a version without one) and kept their records in their folders.</summary>
internal sealed class StrayRuns(IPlatformTables tables)
{
    private const string Settled = "run.adopted.json";

    /// <summary>Folders of such runs; one that is being trained just now is left alone.</summary>
    public static string[] Find(string runsFolder) => !Directory.Exists(runsFolder) ? [] :
        [.. Directory.EnumerateDirectories(runsFolder).Where(f => !Path.GetFileName(f).StartsWith('.') && File.Exists(FileRunStore.RecordFile(f)) && !FileRunStore.IsOwned(f)).Order(StringComparer.Ordinal)];

    /// <summary>Brings such a run's metrics and events into the tables, and gives its state; null when there is none.</summary>
    public StrayRun? Read(string folder)
    {
        if (!File.Exists(FileRunStore.RecordFile(folder)) || FileRunStore.IsOwned(folder)) return null;
        var store = new FileRunStore(Path.GetDirectoryName(folder)!, TimeProvider.System);
        var record = FileRunStore.Read(folder);
        foreach (var attempt in record.Attempts) tables.AddMetrics(folder, attempt.Attempt, [.. store.ReadAttempt(record.Run, attempt.Attempt)]);
        var events = store.ReadEvents(record.Run).Select((e, i) => new NumberedEvent(i + 1, e)).ToArray();
        tables.AddEvents(folder, events);
        var yaml = File.ReadAllText(Path.Combine(folder, "config.yaml"));
        var config = RunConfig.Parse(yaml);
        return new StrayRun(record with { Version = 0 }, yaml, config.Keep, config.Name, events.Length);
    }

    /// <summary>Marks such a run as taken over.</summary>
    public static void Settle(string folder)
    {
        if (File.Exists(FileRunStore.RecordFile(folder))) File.Move(FileRunStore.RecordFile(folder), Path.Combine(folder, Settled), overwrite: true);
    }
}
