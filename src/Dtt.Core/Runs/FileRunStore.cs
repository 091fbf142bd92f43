using System.Text;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Runs;

/// <summary>
/// Runs without a platform, for a rank that stands alone: a folder each with <c>run.json</c> (the record, replaced whole), <c>events.jsonl</c> and <c>metrics/a01.jsonl</c>
/// (appended; a torn last line is passed over). One writer: the holder of the lock on <c>.owner</c>. The platform takes such runs over.
/// </summary>
public sealed class FileRunStore(string folder, TimeProvider time)
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);

    /// <summary>The run's folder: configuration, checkpoints, samples, logs.</summary>
    public string FolderOf(string run) => run.Length > 0 && run.IndexOfAny(['/', '\0']) < 0 && run is not "." and not ".."
        ? Path.Combine(folder, run)
        : throw new UserErrorException($"'{run}' is no run's name; `dtt runs` lists them.", ExitCodes.BadConfiguration);

    /// <summary>Creates a run; a taken name is numbered: <c>name-2</c>, <c>name-3</c> …</summary>
    /// <param name="name">The name wished for.</param>
    /// <param name="configYaml">The resolved configuration.</param>
    /// <param name="paths">Where its tokens and tokenizer lie.</param>
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

    /// <summary>Begins the next attempt and owns the run until the handle is disposed or the process dies.</summary>
    /// <exception cref="UserErrorException">Another process owns the run.</exception>
    public FileRunAttempt Begin(string run)
    {
        var path = FolderOf(run);
        if (!File.Exists(RecordFile(path))) throw new UserErrorException($"there is no run '{run}' in {folder}.", ExitCodes.BadConfiguration);

        // Whoever asks for the owner holds the lock for an instant: that must not look like an owner.
        FileLock? taken = null;
        if (!SpinWait.SpinUntil(() => (taken = FileLock.TryTake(OwnerFile(path))) is not null, _patience)) throw Owned(run);
        var owner = taken!;
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

    /// <summary>The rows of one attempt as they were stored, replayed steps and all.</summary>
    public IEnumerable<StepMetrics> ReadAttempt(string run, int attempt) => ReadLines(MetricsFile(FolderOf(run), attempt), RunJson.Default.StepMetrics);

    /// <summary>What happened to a run, oldest first.</summary>
    public IReadOnlyList<RunEvent> ReadEvents(string run) => [.. ReadLines(EventsFile(FolderOf(run)), RunJson.Default.RunEvent)];

    /// <summary>Where a run's folder has its record.</summary>
    public static string RecordFile(string path) => Path.Combine(path, "run.json");

    internal static string EventsFile(string path) => Path.Combine(path, "events.jsonl");

    internal static string MetricsFile(string path, int attempt) => Path.Combine(path, "metrics", $"a{attempt:00}.jsonl");

    private static string OwnerFile(string path) => Path.Combine(path, ".owner");

    private static UserErrorException Owned(string run) => new($"run '{run}' is being trained by another process; wait for it.");

    /// <summary>Whether a process trains the run just now.</summary>
    public static bool IsOwned(string path) => FileLock.IsHeld(OwnerFile(path));

    /// <summary>The record in a run's folder.</summary>
    /// <exception cref="BadDataException">It is damaged.</exception>
    public static RunRecord Read(string path)
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
