namespace Dtt.Data.Text;

/// <summary>Where a document stands in the raw text.</summary>
/// <param name="File">The file, absolute.</param>
public sealed record DocumentOrigin(string File)
{
    /// <summary>Its first line, from 1; null where lines are not counted: in records, and in a slice that does not begin with its file.</summary>
    public long? Line { get; init; }

    /// <summary>Its first byte in the file's text, decompressed; null in records whose place in the file says nothing.</summary>
    public long? Byte { get; init; }

    /// <summary>Of records, which one: <c>row 7</c>; else null.</summary>
    public string? Record { get; init; }

    /// <summary><c>/data/tales.txt, line 12, byte 3,456</c>.</summary>
    public override string ToString()
    {
        string?[] parts = [Record, Line is { } line ? $"line {line:N0}" : null, Byte is { } at ? $"byte {at:N0}" : null];
        return string.Join(", ", parts.OfType<string>().Prepend(File));
    }
}
