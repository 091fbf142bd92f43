using Dtt.Abstractions;

namespace Dtt.Grains.Datasets;

/// <summary>The durable state of a dataset job.</summary>
public sealed record DatasetState
{
    /// <summary>Counts the changes.</summary>
    public long Version { get; init; }

    /// <summary>What is being made; null while there is nothing.</summary>
    public DatasetJob? Job { get; init; }

    /// <summary>The version by which the job began: another beginning, of the same job too, has another.</summary>
    public long Begun { get; init; }

    /// <summary>How far it is.</summary>
    public DatasetStage Stage { get; init; }

    /// <summary>Whether no more work is handed out.</summary>
    public bool Paused { get; init; }

    /// <summary>Pieces of the text; 0 before they are planned.</summary>
    public int Pieces { get; init; }

    /// <summary>The pieces that are done in this stage.</summary>
    public PieceSet Done { get; init; } = PieceSet.Empty;

    /// <summary>Bytes to download; 0 in other stages.</summary>
    public long Bytes { get; init; }

    /// <summary>Bytes of the files that are there whole.</summary>
    public long BytesDone { get; init; }

    /// <summary>A sentence for each finished stage; the last of a failed job says why.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Exit code of commands that wait for a failed job.</summary>
    public int FailureCode { get; init; }

    internal bool IsOpen => Job is not null && Stage is not (DatasetStage.Done or DatasetStage.Failed);

    /// <summary>Whether the stage goes piece by piece.</summary>
    internal bool IsByPiece => Stage is DatasetStage.Downloading or DatasetStage.Counting or DatasetStage.Encoding or DatasetStage.Verifying;
}
