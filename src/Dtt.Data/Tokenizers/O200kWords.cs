using static Dtt.Data.Tokenizers.CodePointClass;

namespace Dtt.Data.Tokenizers;

/// <summary>GPT-4o's expression: a word is capitals and then small letters, with its contraction.</summary>
internal sealed class O200kWords : WordPattern
{
    private const string Prefix = @"[^\r\n\p{L}\p{N}]?", Capitals = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Smalls = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

    public override string Name => "o200k";

    public override string Regex => $"{Prefix}{Capitals}*{Smalls}+{Contraction}|{Prefix}{Capitals}+{Smalls}*{Contraction}"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    internal override int NextLength(ReadOnlySpan<byte> text)
    {
        if (AsciiWord.LettersStart(text[0]) is >= 0 and var start && AsciiWord.CapitalsAndSmallsEnd(text, start) is > 0 and var word && text[word] != '\'')
            return word;

        var first = At(text, 0, out var width);
        if ((first & Number) != 0) return Cl100kWords.Digits(text, width, 3);

        // Any one character but a line end, a letter or a digit may stand before the letters; a mark is such a character and also a letter.
        var prefix = (first & (Letter | LineEnd)) == 0 ? width : 0;
        if (LettersEnd(text, prefix) is > 0 and var end) return end + ContractionLength(text, end);
        if (prefix > 0 && (first & (Upper | Lower)) != 0) return width + ContractionLength(text, width);
        if (CapitalsEnd(text, prefix) is > 0 and var capitals) return capitals + ContractionLength(text, capitals);

        if ((first & Space) == 0) return LineEnds(text, RunEnd(text, width, Kind, 0));
        if (text[0] == ' ' && text.Length > 1 && (At(text, 1, out var next) & Kind) == 0) return LineEnds(text, RunEnd(text, 1 + next, Kind, 0));
        var length = SpacesLength(text, out var lineEnd, out _);
        return lineEnd == 0 ? length : lineEnd;
    }

    /// <summary>
    /// <c>[capitals]*[smalls]+</c>: capitals as many as there are, then small letters; where none follow, back to behind the last letter that is both
    /// (of scripts without case, and marks). 0: there is no such word.
    /// </summary>
    private static int LettersEnd(ReadOnlySpan<byte> text, int at)
    {
        var both = 0;
        while (at < text.Length)
        {
            var flags = At(text, at, out var width);
            if ((flags & Upper) == 0) return (flags & Lower) != 0 ? RunEnd(text, at + width, Lower, Lower) : both;
            at += width;
            if ((flags & Lower) != 0) both = at;
        }

        return both;
    }

    private static int CapitalsEnd(ReadOnlySpan<byte> text, int at)
    {
        var end = RunEnd(text, at, Upper, Upper);
        return end > at ? end : 0;
    }

    private static int LineEnds(ReadOnlySpan<byte> text, int end)
    {
        while (end < text.Length && text[end] is (byte)'\r' or (byte)'\n' or (byte)'/') end++;
        return end;
    }
}
