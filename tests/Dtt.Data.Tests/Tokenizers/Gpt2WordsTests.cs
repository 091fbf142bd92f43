using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tests.Tokenizers;

public sealed partial class Gpt2WordsTests
{
    private static readonly string[] _troublemakers =
    [
        "'s", "'ll", "'re", "'x", "'", " ", "  ", "\n", "\t", "\u00A0", "\u3000", "a", "Ab", "é", "ß", "漢字", "ば", "1", "½", "٣", "!", "—", "🙂",
        "'S", ".", "I'll", "\r\n", "\u200D", "\u0301",
    ];

    [Fact]
    public void NextLength_CutsAsTheRegularExpressionDoes() =>
        Gen.Int[0, _troublemakers.Length - 1].Array[0, 12].Sample(picks => Check(string.Concat(picks.Select(i => _troublemakers[i]))), iter: 20_000);

    [Fact]
    public void NextLength_OfAnyBasicPlaneText_CutsAsTheRegularExpressionDoes() =>
        Gen.Char.Array[0, 20].Sample(chars => Check(new string([.. chars.Where(c => !char.IsSurrogate(c))])), iter: 20_000);

    private static void Check(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text).AsSpan();
        var words = new List<string>();
        while (!bytes.IsEmpty)
        {
            var length = Gpt2Words.NextLength(bytes);
            words.Add(Encoding.UTF8.GetString(bytes[..length]));
            bytes = bytes[length..];
        }

        // .NET's regular expressions see UTF-16; none of the texts has letters or digits beyond the basic plane.
        Assert.Equal(Pattern().Matches(text).Select(m => m.Value), words);
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Pattern();
}
