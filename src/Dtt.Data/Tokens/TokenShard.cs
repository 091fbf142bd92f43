namespace Dtt.Data.Tokens;

/// <summary>One token shard, as the index knows it.</summary>
public sealed record TokenShard
{
    /// <summary>Its file name in the folder.</summary>
    public required string File { get; init; }

    /// <summary><c>train</c> or <c>val</c>.</summary>
    public required string Split { get; init; }

    /// <summary>The piece of raw text that it comes from.</summary>
    public required int Piece { get; init; }

    /// <summary>Its place among that piece's shards of the split.</summary>
    public required int Part { get; init; }

    /// <summary>Tokens, document ends included.</summary>
    public required long Tokens { get; init; }

    /// <summary>Documents.</summary>
    public required long Documents { get; init; }

    /// <summary>UTF-8 bytes of the documents' text.</summary>
    public required long TextBytes { get; init; }

    /// <summary>SHA-256 of the file, hex.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Bytes before the first token; 0 in nanoGPT's files.</summary>
    public int HeaderBytes { get; init; } = ShardHeader.Bytes;
}
