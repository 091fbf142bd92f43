using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Dtt.Abstractions;
using Dtt.Cli.Commands;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Cli.Output;

// What --json prints. Scripts read it: names, order and types stay as they are; a time is ISO 8601 text.

/// <summary>A run: <c>dtt runs</c>.</summary>
internal record RunOutput(
    string Run,
    string State,
    long Step,
    long TotalSteps,
    double? TrainLoss,
    double? ValLoss,
    long Tokens,
    double? TokensPerSecond,
    int Attempts,
    string Folder)
{
    public static RunOutput Of(RunRow row) => new(
        row.Run,
        RunsCommand.Word(row),
        row.Step,
        row.TotalSteps,
        row.TrainLoss,
        row.ValLoss,
        row.Tokens,
        row.TokensPerSecond,
        row.Attempts,
        row.Folder);
}

/// <summary>A run with all that is known of it: <c>dtt show</c>.</summary>
internal sealed record RunDetailOutput(
    [property: JsonIgnore] RunOutput Summary,
    [property: JsonPropertyOrder(1)] string Experiment,
    [property: JsonPropertyOrder(1)] string? Waiting,
    [property: JsonPropertyOrder(1)] JsonObject Config,
    [property: JsonPropertyOrder(1)] IEnumerable<EventOutput> Events,
    [property: JsonPropertyOrder(1)] IEnumerable<CheckpointOutput> Checkpoints,
    [property: JsonPropertyOrder(1)] IEnumerable<PlacementOutput> Placements,
    [property: JsonPropertyOrder(1)] IEnumerable<AttemptOutput> History,
    [property: JsonPropertyOrder(1)] GoodputOutput Goodput,
    [property: JsonPropertyOrder(1)] IEnumerable<LeftOutOutput> LeftOut,
    [property: JsonPropertyOrder(1), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<MixtureDraw>? Drawn) : RunOutput(Summary);

/// <summary>Windows that a run leaves out of the data order: positions from … to, the last not included.</summary>
internal sealed record LeftOutOutput(long FirstStep, long LastStep, long From, long To, int Attempt, bool Spike)
{
    public static LeftOutOutput Of(LeftOutWindows leftOut) =>
        new(leftOut.FirstStep, leftOut.LastStep, leftOut.From, leftOut.To, leftOut.Attempt, leftOut.Spike);
}

/// <summary>A committed checkpoint: <c>dtt checkpoints</c>.</summary>
internal sealed record CheckpointOutput(
    long Step, int Attempt, bool Best, bool Pinned, double? ValLoss, long Bytes, string WeightsSha256, string Path)
{
    public static CheckpointOutput Of(RunView view, CommittedCheckpoint checkpoint) => new(
        checkpoint.Step,
        checkpoint.Attempt,
        checkpoint == view.Record.Best,
        checkpoint.Pinned,
        checkpoint.ValLoss,
        checkpoint.SizeBytes,
        checkpoint.WeightsSha256,
        new RunLayout(view.Row.Folder).Checkpoint(checkpoint.FolderName));
}

/// <summary>Something that happened to a run: <c>dtt events</c>.</summary>
internal sealed record EventOutput(string At, string Kind, string Message)
{
    public static EventOutput Of(RunEvent happened) => new(happened.At.ToString("O"), happened.Kind, happened.Message);
}

/// <summary>A dataset's raw text or its tokens: <c>dtt datasets</c>.</summary>
internal sealed record DatasetOutput(
    string Dataset, string What, string Stage, int Pieces, int PiecesDone, IReadOnlyList<string> Notes, string Folder, IEnumerable<NodeShareOutput> Nodes)
{
    public static DatasetOutput Of(DatasetProgress job) => new(
        job.Dataset,
        job.RawOnly ? "raw" : "tokens",
        job.Stage.ToString().ToLowerInvariant(),
        job.Pieces,
        job.PiecesDone,
        job.Notes,
        job.Folder,
        [.. job.Nodes.Select(NodeShareOutput.Of)]);
}

/// <summary>A node of the platform: <c>dtt nodes</c>.</summary>
internal sealed record NodeOutput(
    string Node,
    string State,
    string Address,
    string LastSeen,
    string? Job,
    int? Process,
    string? Build,
    string? StartedAt,
    int? Cores,
    long? MemoryBytes,
    IReadOnlyList<string> Devices,
    IReadOnlyList<string> Work)
{
    public static NodeOutput Of(NodeRow row) => new(
        row.Node,
        row.State.ToString().ToLowerInvariant(),
        row.Address,
        row.LastSeen.ToString("O"),
        row.Report?.Job,
        row.Report?.Process,
        row.Report?.Build,
        row.Report?.StartedAt.ToString("O"),
        row.Report?.Cores,
        row.Report?.TotalMemoryBytes,
        row.Report?.Devices ?? [],
        row.Report?.Work ?? []);
}

/// <summary>What a node did in a stage of a dataset.</summary>
internal sealed record NodeShareOutput(string Node, int Pieces, long Tokens, double TokensPerSecond)
{
    public static NodeShareOutput Of(NodeShare share) => new(share.Node, share.Pieces, share.Tokens, share.TokensPerSecond);
}

/// <summary>What was looked at on a node: <c>dtt doctor</c>.</summary>
internal sealed record CheckOutput(string Node, string Check, bool Fault, string Found)
{
    public static IEnumerable<CheckOutput> Of(NodeExam exam) => exam.Checks.Select(c => new CheckOutput(exam.Node, c.Check, c.Fault, c.Found));
}

/// <summary>A run that waits: <c>dtt queue</c>.</summary>
internal sealed record QueueOutput(string Run, int Priority, string Since, string Device, string Reason, string Folder)
{
    public static QueueOutput Of(QueueRow row) => new(Path.GetFileName(row.Run), row.Priority, row.Since.ToString("O"), row.Device, row.Reason, row.Run);
}

/// <summary>The silo, or that there is none: <c>dtt silo status</c>.</summary>
internal sealed record SiloOutput(
    bool Running,
    int? Process,
    string? Build,
    string? StartedAt,
    long? MemoryBytes,
    int? Clients,
    IReadOnlyList<string> Work,
    IReadOnlyList<string> Devices,
    string State)
{
    public static SiloOutput Of(SiloReport? status, PlatformFolders folders) => new(
        status is not null,
        status?.Process,
        status?.Build,
        status?.StartedAt.ToString("O"),
        status?.MemoryBytes,
        status?.Clients,
        status?.Work ?? [],
        status?.Devices ?? [],
        folders.State);
}

/// <summary>A continuation: <c>dtt sample</c>.</summary>
internal sealed record SampleOutput(string Run, long Step, string Prompt, string Text, int Tokens, double Seconds);

/// <summary>A measurement: <c>dtt bench</c>.</summary>
internal sealed record BenchOutput(
    string Name,
    double Median,
    double Lowest,
    double Highest,
    double Floor,
    int Pairs,
    double StepSeconds,
    int Threads,
    string? Peer)
{
    public static BenchOutput Of(BenchResult result) => new(
        result.Name,
        result.Median,
        result.Lowest,
        result.Highest,
        result.Floor,
        result.Pairs,
        result.StepSeconds,
        result.Threads,
        result.Peer);
}
