using System.Globalization;
using System.Text;
using System.Text.Json;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Storage;

namespace Dtt.Abstractions.Runs;

/// <summary>
/// Runs in a folder, one sub-folder each: <c>run.json</c> (the record, replaced whole), <c>events.jsonl</c> and <c>metrics/a01.jsonl</c>
/// (appended; a torn last line is passed over). One writer: the holder of the lock on <c>.owner</c>.
/// </summary>
public sealed class FileRunStore(string folder, TimeProvider time) : IRunStore
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public IReadOnlyList<string> List() => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateDirectories(folder).Where(d => !Path.GetFileName(d).StartsWith('.') && File.Exists(RecordFile(d))).Select(d => Read(d))
            .OrderBy(r => r.CreatedAt).ThenBy(r => r.Run, StringComparer.Ordinal).Select(r => r.Run)];

    /// <inheritdoc/>
    public RunRecord? Find(string run)
    {
        var path = FolderOf(run);
        if (!File.Exists(RecordFile(path))) return null;
        var record = Read(path);
        var abandoned = record.State is RunState.Preparing or RunState.Running or RunState.Recovering && !FileLock.IsHeld(OwnerFile(path));
        return abandoned ? record with { State = RunState.Interrupted } : record;
    }

    /// <inheritdoc/>
    public string FolderOf(string run) => run.Length > 0 && run.IndexOfAny(['/', '\0']) < 0 && run is not "." and not ".."
        ? Path.Combine(folder, run)
        : throw new UserErrorException($"'{run}' is no run's name; `dtt runs` lists them.", ExitCodes.BadConfiguration);

    /// <inheritdoc/>
    public RunRecord Create(string name, string configYaml, ArtefactPaths paths)
    {
        Directory.CreateDirectory(folder);
        for (var number = 1; ; number++)
        {
            var run = number == 1 ? name : $"{name}-{number}";
            var path = FolderOf(run);
            if (Path.Exists(path)) continue;

            // The folder appears whole, with its record in it, or not at all; of two creators one renames first and the other goes on.
            var draft = Path.Combine(folder, $".draft-{Guid.NewGuid():N}");
            Directory.CreateDirectory(draft);
            var record = new RunRecord { Version = 1, Run = run, State = RunState.Queued, CreatedAt = time.GetUtcNow(), TokensFolder = paths.Tokens, TokenizerFolder = paths.Tokenizer };
            try
            {
                DurableFile.Replace(Path.Combine(draft, "config.yaml"), Encoding.UTF8.GetBytes(configYaml));
                DurableFile.Replace(RecordFile(draft), JsonSerializer.SerializeToUtf8Bytes(record, RunJson.Indented.RunRecord));
                Directory.Move(draft, path);
                DurableFile.SyncFolder(folder);
                return record;
            }
            catch (IOException) when (Path.Exists(path))
            {
                Directory.Delete(draft, recursive: true);
            }
            catch
            {
                Directory.Delete(draft, recursive: true);
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public IRunAttempt Begin(string run)
    {
        var path = FolderOf(run);
        if (!File.Exists(RecordFile(path))) throw new UserErrorException($"there is no run '{run}' in {folder}; `dtt runs` lists them.", ExitCodes.BadConfiguration);

        // Whoever asks for the owner holds the lock for an instant: that must not look like an owner.
        FileLock? taken = null;
        if (!SpinWait.SpinUntil(() => (taken = FileLock.TryTake(OwnerFile(path))) is not null, _patience)) throw Owned(run);
        var owner = taken!;
        File.WriteAllText(OwnerProcessFile(path), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        try
        {
            return new FileRunAttempt(path, Read(path), owner, time);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<StepMetrics> ReadMetrics(string run) => Find(run) is not { } record ? [] :
        MetricLineage.Curve(record.Attempts, attempt => ReadAttempt(run, attempt));

    /// <inheritdoc/>
    public IEnumerable<StepMetrics> ReadAttempt(string run, int attempt) => ReadLines(MetricsFile(FolderOf(run), attempt), RunJson.Default.StepMetrics);

    /// <inheritdoc/>
    public int? OwnerOf(string run)
    {
        var path = FolderOf(run);
        if (!FileLock.IsHeld(OwnerFile(path))) return null;
        return File.Exists(OwnerProcessFile(path)) && int.TryParse(File.ReadAllText(OwnerProcessFile(path)), CultureInfo.InvariantCulture, out var process) ? process : 0;
    }

    /// <inheritdoc/>
    public void Delete(string run)
    {
        var path = FolderOf(run);
        var doomed = Path.Combine(folder, $".trash-{Guid.NewGuid():N}");
        using (FileLock.TryTake(OwnerFile(path)) ?? throw Owned(run))
        {
            // Renamed first: a run that is half deleted is not a run any more.
            Directory.Move(path, doomed);
            DurableFile.SyncFolder(folder);
        }

        Directory.Delete(doomed, recursive: true);
    }

    /// <inheritdoc/>
    public IReadOnlyList<RunEvent> ReadEvents(string run) => [.. ReadLines(EventsFile(FolderOf(run)), RunJson.Default.RunEvent)];

    internal static string RecordFile(string path) => Path.Combine(path, "run.json");

    internal static string EventsFile(string path) => Path.Combine(path, "events.jsonl");

    internal static string MetricsFile(string path, int attempt) => Path.Combine(path, "metrics", $"a{attempt:00}.jsonl");

    private static string OwnerFile(string path) => Path.Combine(path, ".owner");

    private static string OwnerProcessFile(string path) => Path.Combine(path, ".owner.pid");

    private static UserErrorException Owned(string run) => new($"run '{run}' is being trained by another process; wait for it, or stop it with `dtt stop {run}`.");

    internal static RunRecord Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(RecordFile(path)), RunJson.Default.RunRecord) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{RecordFile(path)} is not a run's record ({e.Message}); restore it from a backup, or delete the folder.", e);
        }
    }

    private static IEnumerable<T> ReadLines<T>(string file, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        if (!File.Exists(file)) yield break;
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            T? item;
            try
            {
                item = JsonSerializer.Deserialize(line, type);
            }
            catch (JsonException)
            {
                continue; // a line torn by a kill; what it held was never acknowledged
            }

            if (item is not null) yield return item;
        }
    }
}
