using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Dtt.Data.Tokenizers;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokenizers;

/// <summary>Each scanner against its regular expression, run by .NET over one UTF-16 unit for every character.</summary>
public sealed class WordPatternTests
{
    /// <summary>In .NET's spelling: without possessive quantifiers, with an end that is no line's, and with the long s, which is no s there.</summary>
    private static readonly Dictionary<string, Regex> _expressions = WordPattern.All.ToDictionary(p => p.Name, p => new Regex(p.Regex
        .Replace("[sdmt]", "[sdmtſ]").Replace("(?i:'s|", "(?i:'s|'ſ|").Replace("?+", "?").Replace("++", "+").Replace("*+", "*").Replace(@"\s+$", @"\s+\z")));

    public static TheoryData<string> Names => [.. WordPattern.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void NextLength_CutsAsTheRegularExpressionDoes(string name)
    {
        foreach (var text in Texts.All) Check(name, text);
        Texts.Mixed.Sample(text => Check(name, text), iter: Fuzz.Iterations(10_000));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void NextLength_OfAnyText_CutsAsTheRegularExpressionDoes(string name) =>
        Gen.OneOf(Gen.Int[0, 0x2FFF], Gen.Int[0, 0x10FFFF]).Array[0, 20].Sample(
            scalars => Check(name, string.Concat(scalars.Where(Rune.IsValid).Select(s => new Rune(s).ToString()))), iter: Fuzz.Iterations(10_000));

    [Theory]
    [MemberData(nameof(Names))]
    public void NextLength_OfAnyBytes_CutsAsOfReplacementCharacters(string name) => Texts.Bytes.Sample(bytes =>
    {
        var (text, at) = (Encoding.UTF8.GetString(bytes), 0);
        foreach (var word in Words(name, bytes))
        {
            Assert.Equal(text[at..(at + word.Length)], word);
            at += word.Length;
        }

        Assert.Equal(Expected(name, text), Words(name, bytes));
    }, iter: Fuzz.Iterations(10_000));

    private static void Check(string name, string text) => Assert.Equal(Expected(name, text), Words(name, Encoding.UTF8.GetBytes(text)));

    private static List<string> Words(string name, ReadOnlySpan<byte> bytes)
    {
        var (pattern, words) = (WordPattern.Named(name), new List<string>());
        while (!bytes.IsEmpty)
        {
            var length = pattern.NextLength(bytes);
            words.Add(Encoding.UTF8.GetString(bytes[..length]));
            bytes = bytes[length..];
        }

        return words;
    }

    private static List<string> Expected(string name, string text)
    {
        var runes = text.EnumerateRunes().ToArray();
        return [.. _expressions[name].Matches(string.Concat(runes.Select(StandIn))).Select(m => string.Concat(runes[m.Index..(m.Index + m.Length)]))];
    }

    /// <summary>A character of the basic plane that the expressions cannot tell from this one.</summary>
    private static char StandIn(Rune rune) => rune.IsBmp ? (char)rune.Value : Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter => 'Ω',
        UnicodeCategory.LowercaseLetter => 'ω',
        UnicodeCategory.ModifierLetter => 'ʰ',
        UnicodeCategory.OtherLetter => '漢',
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => '\u0301',
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => '٣',
        _ => '—',
    };
}
