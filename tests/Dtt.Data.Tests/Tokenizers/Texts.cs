using System.Text;
using CsCheck;
using Dtt.Data.Tales;

namespace Dtt.Data.Tests.Tokenizers;

/// <summary>Texts that tokenizers trip over.</summary>
internal static class Texts
{
    private const string Code =
        "using System;   // a comment\n\tif (x >= 0x1F && y[i++] != \"\\t'quoted'\\r\\n\") { return -1.5e-10 * f(x); }\n\n\n"
        + "def snake_case(self, HTTPServer=None):\n\t\n  \r\n    return "
        + "{'a': [1, 22, 333, 4444, 55555]}  # it's I'LL we've they'Re\n<div class=\"x-y\">&amp;</div>/path/to//file.txt\n";

    /// <summary>Fifteen languages, in ten scripts.</summary>
    private static readonly string[] _languages =
    [
        "The QUICK brown fox can't jump; it's over 1,234,567.89 dogs.", "Zażółć gęślą jaźń, Łódź ÓSMA.", "Der Straßenübergang ÄÖÜ, 12 Bücher.",
        "L'été où l'hôtel était fermé – «déjà».",
        "¿Dónde está el niño? ¡Aquí!", "Съешь ЕЩЁ этих мягких французских булок.", "Ξεσκεπάζω την ψυχοφθόρα ΒΔΕΛΥΓΜΙΑ.",
        "漢字とひらがなとカタカナー、１２３。", "他们在二〇二四年学习中文。", "나는 한국어를 공부합니다. 12시",
        "السلام عليكم ١٢٣٤٥ وَرَحْمَةُ", "שָׁלוֹם עולם 123", "हिन्दी में नमस्ते १२३४५", "สวัสดีชาวโลก ๑๒๓",
        "Tiếng Việt có nhiều dấu ệ ễ ộ.",
    ];

    private static readonly string[] _odd =
    [
        "👩‍👩‍👧‍👦 family", "🏳️‍🌈🇩🇪👍🏽", "e\u0301 a\u0308\u0301 \u0301\u0302x", "𝐁𝐨𝐥𝐝 𝟏𝟐𝟑𝟒 𐐀𐐨 𒐀", "½¾ Ⅷ ①②③④ 𐄇",
        "ǅ ǈ ʰ ª º", "'ſ 'ſs it'ſ 'S 'LL 'Ve", "\u00A0\u3000\u2028x \u0085\u180e\u200b\u001c",
        "don't'd'll x''s", " \t \n  \n\n x\r\n\r\n", "a  ", "a \n", "\n  ", " ", "", "\0\u0001", "____---***///",
        "<|endoftext|> <|im_start|>", "ABCdefGHI漢字ABC漢字abc",
    ];

    private static readonly string[] _pieces =
    [
        "'s", "'ll", "'re", "'x", "'", " ", "  ", "\n", "\t", "\u00A0", "\u3000", "a", "Ab", "é", "ß", "漢字", "ば", "1", "½", "٣", "!", "—", "🙂", "'S", ".",
        "I'll", "\r\n", "\u200D", "\u0301", "A", "ABC", "ǅ", "ʰ", "𝟏", "𐐀", "𐐨", "'ſ", "'VE", "12", "345", "/", "\r", "'D", "\u0903", "\u2028", "ª",
        "word", "Camel", "fifteen_letters", "internationalization", " seventeen", "HTTP",
    ];

    private static readonly string[] _runs = ["a", "A", " ", "\n", "1", "漢", "\u0301", "-"];

    /// <summary>Prose, code, languages, odd characters, long runs.</summary>
    public static IEnumerable<string> All => Short.Concat(Runs(1 << 20));

    /// <summary>The same without the longest runs.</summary>
    public static IEnumerable<string> Short =>
        [.. Enumerable.Range(0, 20).Select(i => new TaleGenerator(3).Tell(i)), Code, .. _languages, .. _odd, .. Runs(3000)];

    /// <summary>Small texts put together of what patterns tell apart.</summary>
    public static Gen<string> Mixed => Gen.Int[0, _pieces.Length - 1].Array[0, 24].Select(picks => string.Concat(picks.Select(i => _pieces[i])));

    private static IEnumerable<string> Runs(int length) => _runs.Select(run => string.Concat(Enumerable.Repeat(run, length)));

    /// <summary>Bytes that are often not UTF-8.</summary>
    public static Gen<byte[]> Bytes => Gen.OneOf(
        Gen.Byte.Array[0, 40], Gen.OneOf(Gen.Byte[0x80, 0xFF], Gen.Byte[0x20, 0x7E]).Array[0, 40], Mixed.Select(Encoding.UTF8.GetBytes));
}
