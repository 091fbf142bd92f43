using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>What the pre-tokenizers want to know of a character: one byte of flags for every code point.</summary>
internal static class CodePointClass
{
    /// <summary><c>\p{L}</c>.</summary>
    public const byte Letter = 1;

    /// <summary><c>\p{N}</c>.</summary>
    public const byte Number = 2;

    /// <summary><c>\s</c>.</summary>
    public const byte Space = 4;

    /// <summary>Of the three above, at most one is set; none: <c>[^\s\p{L}\p{N}]</c>.</summary>
    public const byte Kind = Letter | Number | Space;

    /// <summary><c>[\r\n]</c>.</summary>
    public const byte LineEnd = 8;

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c>.</summary>
    public const byte Upper = 16;

    /// <summary><c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c>.</summary>
    public const byte Lower = 32;

    private static readonly byte[] _table = Build();

    /// <summary>The flags of the character at a place in UTF-8, and its width; bytes that are not UTF-8 are as U+FFFD.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte At(ReadOnlySpan<byte> text, int at, out int width)
    {
        var first = text[at];
        if (first >= 0x80) return OfLong(text[at..], out width);
        width = 1;
        return _table[first];
    }

    /// <summary>The flags of an ASCII character.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte OfAscii(byte character) => _table[character];

    /// <summary>Where the run ends that begins at a place and whose characters have these flags, of those that the mask names.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RunEnd(ReadOnlySpan<byte> text, int at, byte mask, byte flags)
    {
        while (at < text.Length && (At(text, at, out var width) & mask) == flags) at += width;
        return at;
    }

    /// <summary>Two and three bytes at once, as nearly all text beyond ASCII has them; what is rare or wrong by the library.</summary>
    private static byte OfLong(ReadOnlySpan<byte> text, out int width)
    {
        if (text.Length >= 2 && (text[1] & 0xC0) == 0x80)
        {
            if (text[0] is >= 0xC2 and <= 0xDF)
            {
                width = 2;
                return _table[((text[0] & 0x1F) << 6) | (text[1] & 0x3F)];
            }

            if (text.Length >= 3 && (text[2] & 0xC0) == 0x80 && text[0] is (>= 0xE1 and <= 0xEC) or 0xEE or 0xEF)
            {
                width = 3;
                return _table[((text[0] & 0x0F) << 12) | ((text[1] & 0x3F) << 6) | (text[2] & 0x3F)];
            }
        }

        _ = Rune.DecodeFromUtf8(text, out var rune, out width);
        return _table[rune.Value];
    }

    private static byte[] Build()
    {
        var table = new byte[0x110000];
        for (var c = 0; c < table.Length; c++)
        {
            if (!Rune.TryCreate(c, out var rune)) continue;
            var flags = Rune.IsLetter(rune) ? Letter : Rune.IsNumber(rune) ? Number : Rune.IsWhiteSpace(rune) ? Space : 0;
            flags |= c is '\r' or '\n' ? LineEnd : 0;
            flags |= Rune.GetUnicodeCategory(rune) switch
            {
                UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Upper,
                UnicodeCategory.LowercaseLetter => Lower,
                UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Upper | Lower,
                UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Upper | Lower,
                _ => 0,
            };
            table[c] = (byte)flags;
        }

        return table;
    }
}
