using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Runs;

/// <summary>
/// <c>run.json</c>: the state of a standalone run, beside its <c>events.jsonl</c> and <c>metrics/aNN.jsonl</c>. One process at a time writes them, the
/// holder of the lock on <c>.owner</c>; the platform reads them once, when it adopts the run.
/// </summary>
/// <param name="Format">The file's version, <see cref="CurrentFormat"/>; builds before it wrote a bare <see cref="RunRecord"/>, which is read too.</param>
/// <param name="Run">The state.</param>
public sealed record RunFile(int Format, DurableRun Run)
{
    /// <summary>The version that this build writes.</summary>
    public const int CurrentFormat = 2;

    /// <summary>Replaces the file whole.</summary>
    /// <exception cref="IOException">The write failed; the old state stays.</exception>
    public static void Write(RunLayout layout, DurableRun run) =>
        DurableFile.Replace(layout.State, JsonSerializer.SerializeToUtf8Bytes(new RunFile(CurrentFormat, run), RunJson.Indented.RunFile));

    /// <summary>The state in a run's folder.</summary>
    /// <exception cref="BadDataException">It is damaged, or of a newer build.</exception>
    public static DurableRun Read(RunLayout layout)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(layout.State));
            if (!json.RootElement.TryGetProperty("format", out var format)) return ReadRecord(layout, json.RootElement);
            if (format.GetInt32() > CurrentFormat)
            {
                throw new BadDataException($"{layout.State} has format {format.GetInt32()}, but this build of DTT knows formats up to {CurrentFormat}: "
                    + "use a newer build.");
            }

            var run = json.Deserialize(RunJson.Default.RunFile)!.Run;
            return run is { Record: not null, Request: not null } ? run : throw new JsonException("it has no run");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new BadDataException($"{layout.State} is not a run's state ({e.Message}); restore it from a backup, or delete the folder.", e);
        }
    }

    /// <summary>The rows of one attempt as they were stored; a line torn by a kill is skipped: it was never acknowledged.</summary>
    public static IEnumerable<StepMetrics> ReadMetrics(RunLayout layout, int attempt) => ReadLines(layout.Metrics(attempt), RunJson.Default.StepMetrics);

    /// <summary>What happened, oldest first: the events from 1 on.</summary>
    public static IReadOnlyList<NumberedEvent> ReadEvents(RunLayout layout) =>
        [.. ReadLines(layout.Events, RunJson.Default.RunEvent).Select((e, i) => new NumberedEvent(i + 1, e))];

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
