namespace Dtt.Abstractions.Platform;

/// <summary>How far a dataset job is; stages follow each other in this order.</summary>
public enum DatasetStage
{
    /// <summary>Raw text is brought or generated.</summary>
    Fetching,

    /// <summary>The text is cut into pieces.</summary>
    Planning,

    /// <summary>The words of each piece are counted.</summary>
    Counting,

    /// <summary>A tokenizer is trained on the counts.</summary>
    Merging,

    /// <summary>Pieces are encoded.</summary>
    Encoding,

    /// <summary>Each piece's shards are read again and their hashes compared.</summary>
    Verifying,

    /// <summary>Shards get their numbers and the folder its name.</summary>
    Assembling,

    /// <summary>Everything is there.</summary>
    Done,

    /// <summary>It cannot go on; the message says why.</summary>
    Failed,
}
