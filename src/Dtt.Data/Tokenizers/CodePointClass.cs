using System.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>What GPT-2's pre-tokenization wants to know of a character: one byte for every code point.</summary>
internal static class CodePointClass
{
    public const byte Other = 0;
    public const byte Letter = 1;
    public const byte Number = 2;
    public const byte Space = 3;

    /// <summary>The class of each code point, 0–0x10FFFF: <c>\p{L}</c>, <c>\p{N}</c>, <c>\s</c>, or none of them.</summary>
    public static byte[] Table { get; } = Build();

    private static byte[] Build()
    {
        var table = new byte[0x110000];
        for (var c = 0; c < table.Length; c++)
        {
            if (!Rune.TryCreate(c, out var rune)) continue;
            table[c] = Rune.IsLetter(rune) ? Letter : Rune.IsNumber(rune) ? Number : Rune.IsWhiteSpace(rune) ? Space : Other;
        }

        return table;
    }
}
