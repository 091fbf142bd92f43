namespace Dtt.Data.Tokenizers;

/// <summary>
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>, and its relatives.
/// </summary>
/// <param name="name">What configurations call it.</param>
/// <param name="maxDigits">Most digits in a word.</param>
/// <param name="wholeEnd">Whether white space at the end of the text is one word: <c>\s++$</c> before <c>\s*[\r\n]+</c>.</param>
/// <param name="regex">The expression.</param>
/// <param name="others">Other spellings of it.</param>
internal sealed class Cl100kWords(string name, int maxDigits, bool wholeEnd, string regex, params string[] others) : WordPattern
{
    public override string Name => name;

    public override string Regex => regex;

    internal override IReadOnlyList<string> OtherSpellings => others;

    /// <summary>The expression as first published, with another rule for digits.</summary>
    public static string Published(string digits) =>
        $@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    internal override int NextLength(ReadOnlySpan<byte> text)
    {
        if (AsciiWord.LettersStart(text[0]) is >= 0 and var start && AsciiWord.LettersEnd(text, start) is > 0 and var end) return end;
        if (ContractionLength(text, 0) is > 0 and var contraction) return contraction;
        var first = CodePointClass.At(text, 0, out var width);
        if ((first & CodePointClass.Letter) != 0) return Run(text, width, CodePointClass.Letter);
        if ((first & CodePointClass.Number) != 0) return Digits(text, width, maxDigits);
        var second = width < text.Length ? CodePointClass.At(text, width, out var secondWidth) : (secondWidth = 0);

        // Any one character but a line end, a letter or a digit belongs to the letters that follow it.
        if ((second & CodePointClass.Letter) != 0 && (first & CodePointClass.LineEnd) == 0) return Run(text, width + secondWidth, CodePointClass.Letter);
        if ((first & CodePointClass.Space) == 0) return LineEnds(text, Run(text, width, 0));
        if (text[0] == ' ' && secondWidth > 0 && (second & CodePointClass.Kind) == 0) return LineEnds(text, Run(text, width + secondWidth, 0));
        var length = SpacesLength(text, out var lineEnd, out var isAll);
        return lineEnd == 0 || (wholeEnd && isAll) ? length : lineEnd;
    }

    /// <summary>The end of a number of at most so many digits.</summary>
    internal static int Digits(ReadOnlySpan<byte> text, int end, int most)
    {
        for (var count = 1; count < most && end < text.Length; count++)
        {
            if ((CodePointClass.At(text, end, out var width) & CodePointClass.Number) == 0) break;
            end += width;
        }

        return end;
    }

    private static int Run(ReadOnlySpan<byte> text, int at, byte kind) => CodePointClass.RunEnd(text, at, CodePointClass.Kind, kind);

    private static int LineEnds(ReadOnlySpan<byte> text, int at) => CodePointClass.RunEnd(text, at, CodePointClass.LineEnd, CodePointClass.LineEnd);
}
