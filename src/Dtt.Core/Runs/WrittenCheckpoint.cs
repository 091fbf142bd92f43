using System.Globalization;

namespace Dtt.Core.Runs;

/// <summary>A checkpoint that a rank wrote, whole and synced to the disk. Nobody opens it before it is committed.</summary>
public record WrittenCheckpoint
{
    /// <summary>Steps done when it was taken.</summary>
    public required long Step { get; init; }

    /// <summary>The attempt that wrote it.</summary>
    public required int Attempt { get; init; }

    /// <summary>SHA-256 of its manifest file, hex.</summary>
    public required string ManifestSha256 { get; init; }

    /// <summary>SHA-256 over the weights' bytes in name order, hex.</summary>
    public required string WeightsSha256 { get; init; }

    /// <summary>Size of all its files.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Training loss of the last step, nats per token.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>Validation loss at this step, nats per token, or null when it was not measured.</summary>
    public double? ValLoss { get; init; }

    /// <summary>The folder's name under the run's <c>checkpoints</c>: the attempt is in it, so it is never reused.</summary>
    public string FolderName => FolderNameOf(Step, Attempt);

    /// <summary><c>step_00001000.a03</c>.</summary>
    public static string FolderNameOf(long step, int attempt) => $"step_{step:00000000}.a{attempt:00}";

    /// <summary>The attempt in a folder's name; null: it is no such name.</summary>
    public static int? AttemptOf(string folderName) =>
        folderName.StartsWith("step_", StringComparison.Ordinal) && folderName.LastIndexOf(".a", StringComparison.Ordinal) is > 0 and var at
        && int.TryParse(folderName[(at + 2)..], NumberStyles.None, CultureInfo.InvariantCulture, out var attempt) ? attempt : null;
}
