namespace Dtt.Core.Configuration;

/// <summary>A kind of text file, known by the end of its name.</summary>
/// <param name="Ending">How the name ends, in letters of either case.</param>
/// <param name="IsJsonLines">Whether it has a JSON object a line, or plain text.</param>
/// <param name="Compression">How it is compressed.</param>
public sealed record TextFormat(string Ending, bool IsJsonLines, TextCompression Compression)
{
    /// <summary>Every kind that is read. A plain <c>.json</c> is none: beside text it holds settings more often than documents.</summary>
    public static IReadOnlyList<TextFormat> All { get; } =
    [
        new(".txt", false, TextCompression.None),
        new(".txt.gz", false, TextCompression.Gzip),
        new(".txt.zst", false, TextCompression.Zstandard),
        new(".jsonl", true, TextCompression.None),
        new(".jsonl.gz", true, TextCompression.Gzip),
        new(".jsonl.zst", true, TextCompression.Zstandard),
        new(".ndjson", true, TextCompression.None),
        new(".ndjson.gz", true, TextCompression.Gzip),
        new(".ndjson.zst", true, TextCompression.Zstandard),
        new(".json.gz", true, TextCompression.Gzip),
        new(".json.zst", true, TextCompression.Zstandard),
    ];

    /// <summary>The kinds in words, for messages.</summary>
    public const string Endings = ".txt, .jsonl or .ndjson (plain, .gz or .zst)";

    /// <summary>The kind of a file, or null when it is none of text.</summary>
    public static TextFormat? Of(string file) => All.FirstOrDefault(f => file.EndsWith(f.Ending, StringComparison.OrdinalIgnoreCase));
}
