namespace Dtt.Data.Tokenizers;

/// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.</summary>
internal sealed class Gpt2Words : WordPattern
{
    public override string Name => "gpt2";

    public override string Regex => @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    internal override IReadOnlyList<string> OtherSpellings =>
    [
        @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        @"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    ];

    internal override int NextLength(ReadOnlySpan<byte> text)
    {
        if (AsciiWord.LettersEnd(text, text[0] == ' ' ? 1 : 0) is > 0 and var end) return end;
        if (text[0] == '\'' && SmallContractionLength(text) is > 0 and var contraction) return contraction;

        // An optional space belongs to the run of letters, digits or others that follows it.
        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        var kind = CodePointClass.At(text, start, out var width) & CodePointClass.Kind;
        return kind != CodePointClass.Space ? CodePointClass.RunEnd(text, start + width, CodePointClass.Kind, (byte)kind) : SpacesLength(text, out _, out _);
    }

    /// <summary>Contractions in small letters only.</summary>
    private static int SmallContractionLength(ReadOnlySpan<byte> text)
    {
        var length = ContractionLength(text, 0);
        return length > 0 && !text[1..length].ContainsAnyExceptInRange((byte)'a', (byte)'z') ? length : 0;
    }
}
