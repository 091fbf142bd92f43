using System.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Cuts UTF-8 text into words exactly as GPT-2's regular expression does (Radford et al. 2019, <c>encoder.py</c>):
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal static class Gpt2Words
{
    /// <summary>Length in bytes of the first word of a text that is not empty and is valid UTF-8.</summary>
    public static int NextLength(ReadOnlySpan<byte> text)
    {
        if (text[0] == '\'' && ContractionLength(text) is > 0 and var contraction) return contraction;

        // An optional space belongs to the run of letters, digits or others that follows it.
        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        var kind = Classify(text[start..], out var width);
        if (kind != CodePointClass.Space) return RunEnd(text, start + width, kind);
        return SpacesLength(text);
    }

    private static int ContractionLength(ReadOnlySpan<byte> text)
    {
        if (text.Length < 2) return 0;
        if (text[1] is (byte)'s' or (byte)'t' or (byte)'m' or (byte)'d') return 2;
        return text.Length > 2 && ((text[1] is (byte)'r' or (byte)'v' && text[2] == 'e') || (text[1] == 'l' && text[2] == 'l')) ? 3 : 0;
    }

    /// <summary>A run of white space, less its last character when a word follows that may want it.</summary>
    private static int SpacesLength(ReadOnlySpan<byte> text)
    {
        int end = 0, last = 0;
        while (end < text.Length && Classify(text[end..], out var width) == CodePointClass.Space)
        {
            last = end;
            end += width;
        }

        return end == text.Length || last == 0 ? end : last;
    }

    private static int RunEnd(ReadOnlySpan<byte> text, int position, byte kind)
    {
        while (position < text.Length && Classify(text[position..], out var width) == kind) position += width;
        return position;
    }

    private static byte Classify(ReadOnlySpan<byte> text, out int width)
    {
        if (text[0] < 0x80)
        {
            width = 1;
            return CodePointClass.Table[text[0]];
        }

        _ = Rune.DecodeFromUtf8(text, out var rune, out width);
        return CodePointClass.Table[rune.Value];
    }
}
