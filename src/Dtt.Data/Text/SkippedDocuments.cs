namespace Dtt.Data.Text;

/// <summary>Documents that could not be read and were left out: all are counted, and the first of a piece are listed.</summary>
public sealed record SkippedDocuments
{
    private const int Listed = 1000;

    /// <summary>None.</summary>
    public static SkippedDocuments None { get; } = new();

    /// <summary>How many.</summary>
    public long Count { get; init; }

    /// <summary>Where and why, a sentence each.</summary>
    public IReadOnlyList<string> List { get; init; } = [];

    /// <summary>These and others.</summary>
    public SkippedDocuments With(SkippedDocuments others) => others.Count == 0 ? this
        : new SkippedDocuments { Count = Count + others.Count, List = [.. List, .. others.List.Take(Math.Max(0, Listed - List.Count))] };
}
