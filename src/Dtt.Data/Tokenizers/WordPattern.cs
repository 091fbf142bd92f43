namespace Dtt.Data.Tokenizers;

/// <summary>
/// How text is cut into words before byte-level BPE: a well-known regular expression, as a scanner over UTF-8 that cuts exactly where Hugging Face's
/// library does.
/// </summary>
public abstract class WordPattern
{
    /// <summary>GPT-2's: Radford et al. 2019, <c>encoder.py</c>.</summary>
    public static WordPattern Gpt2 { get; } = new Gpt2Words();

    /// <summary>That of GPT-3.5 and GPT-4 as tiktoken has it: white space at the end of a text is one word, also with line ends in it.</summary>
    public static WordPattern Cl100k { get; } = new Cl100kWords("cl100k", maxDigits: 3, wholeEnd: true,
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s");

    /// <summary>GPT-4o's.</summary>
    public static WordPattern O200k { get; } = new O200kWords();

    /// <summary>Llama 3's, which is GPT-4's as it was first published.</summary>
    public static WordPattern Llama3 { get; } = new Cl100kWords("llama3", maxDigits: 3, wholeEnd: false, Cl100kWords.Published(@"\p{N}{1,3}"));

    /// <summary>That of Qwen 2, 2.5 and 3: every digit is a word.</summary>
    public static WordPattern Qwen2 { get; } = new Cl100kWords("qwen2", maxDigits: 1, wholeEnd: false, Cl100kWords.Published(@"\p{N}"));

    /// <summary>nanochat's: GPT-4's with at most two digits in a word.</summary>
    public static WordPattern Nanochat { get; } = new Cl100kWords("nanochat", maxDigits: 2, wholeEnd: false, Cl100kWords.Published(@"\p{N}{1,2}"),
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+");

    /// <summary>A text is one word, as the Python DTT encodes it. Nothing is trained with it.</summary>
    public static WordPattern Whole { get; } = new WholeText();

    /// <summary>All that cut.</summary>
    public static IReadOnlyList<WordPattern> All { get; } = [Gpt2, Cl100k, O200k, Llama3, Qwen2, Nanochat];

    /// <summary>What configurations call it.</summary>
    public abstract string Name { get; }

    /// <summary>The regular expression, as <c>tokenizer.json</c> has it.</summary>
    public abstract string Regex { get; }

    /// <summary>Other spellings of the same expression in files of others.</summary>
    internal virtual IReadOnlyList<string> OtherSpellings => [];

    /// <summary>Length in bytes of the first word of a text that is not empty; bytes that are not UTF-8 are as U+FFFD.</summary>
    internal abstract int NextLength(ReadOnlySpan<byte> text);

    /// <summary>The pattern of that name.</summary>
    public static WordPattern Named(string name) => All.First(p => p.Name == name);

    /// <summary>A run of white space, <c>\s+(?!\S)|\s+</c>: less its last character when a word follows that may want it.</summary>
    /// <param name="text">Begins with white space.</param>
    /// <param name="lineEnd">Where the last line end in the run ends; 0: there is none.</param>
    /// <param name="isAll">Whether the run is the whole text.</param>
    private protected static int SpacesLength(ReadOnlySpan<byte> text, out int lineEnd, out bool isAll)
    {
        int end = 0, last = 0;
        lineEnd = 0;
        while (end < text.Length && CodePointClass.At(text, end, out var width) is var flags && (flags & CodePointClass.Space) != 0)
        {
            last = end;
            end += width;
            if ((flags & CodePointClass.LineEnd) != 0) lineEnd = end;
        }

        isAll = end == text.Length;
        return isAll || last == 0 ? end : last;
    }

    /// <summary>
    /// Length of <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c> at a place, or 0. The long s is an s here (Unicode's case folding), as in Hugging Face's library.
    /// </summary>
    private protected static int ContractionLength(ReadOnlySpan<byte> text, int at)
    {
        if (at + 1 >= text.Length || text[at] != '\'') return 0;
        var next = text[at + 1] | 0x20;
        if (next is 's' or 't' or 'm' or 'd') return 2;
        if (at + 2 >= text.Length) return 0;
        if (text[at + 1] == 0xC5 && text[at + 2] == 0xBF) return 3;
        var after = text[at + 2] | 0x20;
        return (next is 'r' or 'v' && after == 'e') || (next == 'l' && after == 'l') ? 3 : 0;
    }
}
