namespace Dtt.Data.Reports;

/// <summary>What the documents of a text are like, counted over its tokens; the ends of documents are no part of them.</summary>
public sealed record DocumentStatistics
{
    /// <summary>Of no documents.</summary>
    public static DocumentStatistics None { get; } = new();

    /// <summary>Documents: what stands between two ends of text.</summary>
    public long Documents { get; init; }

    /// <summary>Their tokens.</summary>
    public long Tokens { get; init; }

    /// <summary>Bytes of their text.</summary>
    public long TextBytes { get; init; }

    /// <summary>Of these the bytes that are not UTF-8, and those of U+FFFD, which programs write where they found such bytes.</summary>
    public long InvalidBytes { get; init; }

    /// <summary>Tokens of the longest document.</summary>
    public long LongestTokens { get; init; }

    /// <summary>Documents by length: the n-th number, from 0, counts those of 2ⁿ to 2ⁿ⁺¹ − 1 tokens.</summary>
    public IReadOnlyList<long> Lengths { get; init; } = [];

    /// <summary>These and others.</summary>
    public DocumentStatistics With(DocumentStatistics others) => new()
    {
        Documents = Documents + others.Documents,
        Tokens = Tokens + others.Tokens,
        TextBytes = TextBytes + others.TextBytes,
        InvalidBytes = InvalidBytes + others.InvalidBytes,
        LongestTokens = Math.Max(LongestTokens, others.LongestTokens),
        Lengths =
        [
            .. Enumerable.Range(0, Math.Max(Lengths.Count, others.Lengths.Count))
                .Select(n => Lengths.ElementAtOrDefault(n) + others.Lengths.ElementAtOrDefault(n)),
        ],
    };
}
