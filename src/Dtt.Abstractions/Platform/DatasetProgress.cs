namespace Dtt.Abstractions.Platform;

/// <summary>A dataset job in one line, as lists show it: a row of the index table.</summary>
public sealed record DatasetProgress
{
    /// <summary>The folder that the job makes: its key on the platform.</summary>
    public required string Folder { get; init; }

    /// <summary>The dataset's name.</summary>
    public required string Dataset { get; init; }

    /// <summary>Whether it is raw text or tokens.</summary>
    public required bool RawOnly { get; init; }

    /// <summary>How far it is.</summary>
    public required DatasetStage Stage { get; init; }

    /// <summary>Pieces of the text; 0 before they are planned.</summary>
    public required int Pieces { get; init; }

    /// <summary>Pieces done in this stage.</summary>
    public required int PiecesDone { get; init; }

    /// <summary>A sentence for each finished stage, oldest first; the last of a failed job says why.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>For a failed job, how commands end: one of <see cref="Errors.ExitCodes"/>.</summary>
    public required int FailureCode { get; init; }

    /// <summary>Version of the job's state that this row shows.</summary>
    public required long Version { get; init; }
}
