using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Runs;

/// <summary>
/// <c>run.json</c>: the state of a standalone run, beside its <c>events.jsonl</c> and <c>metrics/aNN.jsonl</c>. One process at a time writes them, the
/// holder of the lock on <c>.owner</c>; the platform reads them once, when it adopts the run. <c>run.platform.json</c> has the same form: a copy of the state
/// that a platform keeps in its database.
/// </summary>
/// <param name="Format">The file's version, <see cref="CurrentFormat"/>; builds before it wrote a bare <see cref="RunRecord"/>, which is read too.</param>
/// <param name="Run">The state.</param>
public sealed record RunFile(int Format, [property: JsonPropertyOrder(1)] DurableRun Run)
{
    /// <summary>The version that this build writes.</summary>
    public const int CurrentFormat = 2;

    /// <summary>The folder that it was written for, absolute: when it lies in another one, the run was moved or copied. Null: not known.</summary>
    public string? Folder { get; init; }

    /// <summary>The home of the platform that wrote it; null for a standalone run.</summary>
    public string? Home { get; init; }

    /// <summary>Replaces a standalone run's state.</summary>
    /// <exception cref="IOException">The write failed; the old state stays.</exception>
    public static void Write(RunLayout layout, DurableRun run) => Write(layout.State, new RunFile(CurrentFormat, run) { Folder = layout.Folder });

    /// <summary>Replaces a platform's copy of a run's state.</summary>
    /// <exception cref="IOException">The write failed; the old copy stays.</exception>
    public static void WriteCopy(RunLayout layout, DurableRun run, string home) =>
        Write(layout.PlatformState, new RunFile(CurrentFormat, run) { Folder = layout.Folder, Home = home });

    /// <summary>The state of the standalone run in a folder.</summary>
    /// <exception cref="BadDataException">It is damaged, or of a newer build.</exception>
    public static DurableRun Read(RunLayout layout) => Read(layout, layout.State).Run;

    /// <summary>The state from which the run in a folder can be adopted: a standalone one's own, else a platform's copy; null when there is none.</summary>
    /// <exception cref="BadDataException">It is damaged, or of a newer build.</exception>
    public static RunFile? Find(RunLayout layout)
    {
        string[] files = [layout.State, layout.PlatformState, layout.AdoptedState];
        return files.FirstOrDefault(File.Exists) is { } file ? Read(layout, file) : null;
    }

    /// <summary>A platform's copy of the state; null when there is none that can be read.</summary>
    public static RunFile? FindCopy(RunLayout layout)
    {
        try
        {
            return File.Exists(layout.PlatformState) ? Read(layout, layout.PlatformState) : null;
        }
        catch (Exception e) when (e is BadDataException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The rows of one attempt as they were stored; a line torn by a kill is skipped: it was never acknowledged.</summary>
    public static IEnumerable<StepMetrics> ReadMetrics(RunLayout layout, int attempt) => ReadLines(layout.Metrics(attempt), RunJson.Default.StepMetrics);

    /// <summary>What happened, oldest first: the events from 1 on.</summary>
    public static IReadOnlyList<NumberedEvent> ReadEvents(RunLayout layout) =>
        [.. ReadLines(layout.Events, RunJson.Default.RunEvent).Select((e, i) => new NumberedEvent(i + 1, e))];

    private static void Write(string path, RunFile file) => DurableFile.Replace(path, JsonSerializer.SerializeToUtf8Bytes(file, RunJson.Indented.RunFile));

    private static RunFile Read(RunLayout layout, string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            if (!json.RootElement.TryGetProperty("format", out var format)) return new RunFile(1, ReadRecord(layout, json.RootElement));
            if (format.GetInt32() > CurrentFormat)
            {
                throw new BadDataException($"{path} has format {format.GetInt32()}, but this build of DTT knows formats up to {CurrentFormat}: "
                    + "use a newer build.");
            }

            var file = json.Deserialize(RunJson.Default.RunFile)!;
            return file.Run is { Record: not null, Request: not null } ? file : throw new JsonException("it has no run");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new BadDataException($"{path} is not a run's state ({JsonFile.Reason(e)}); restore it from a backup, or move the folder away.", e);
        }
    }

    private static DurableRun ReadRecord(RunLayout layout, JsonElement json)
    {
        var record = json.Deserialize(RunJson.Default.RunRecord)!;
        return new DurableRun
        {
            Record = record.State.IsActive() ? record with { State = RunState.Interrupted } : record, // it was killed: nothing said where it lived
            Request = new RunRequest
            {
                ConfigYaml = File.ReadAllText(layout.Config),
                TokensFolder = json.GetProperty("tokens_folder").GetString()!,
                TokenizerFolder = json.GetProperty("tokenizer_folder").GetString()!,
                Environment = new Dictionary<string, string>(),
            },
            FailureCode = record.State == RunState.Failed ? ExitCodes.Failure : 0,
            LastEvent = ReadEvents(layout).Count,
        };
    }

    private static IEnumerable<T> ReadLines<T>(string file, JsonTypeInfo<T> type)
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
                continue;
            }

            if (item is not null) yield return item;
        }
    }
}
