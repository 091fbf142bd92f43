using System.Text;
using Dtt.Cli.Commands;
using Dtt.Data.Tokenizers;

namespace Dtt.Cli.Output;

/// <summary>A token: <c>dtt tokenizer encode</c>, <c>inspect</c>.</summary>
internal sealed record TokenOutput(int Id, string Text)
{
    public static TokenOutput Of(Vocabulary vocabulary, int id) => new(id, Encoding.UTF8.GetString(vocabulary.BytesOf(id)));
}

/// <summary>A tokenizer: <c>dtt tokenizer inspect</c>.</summary>
internal sealed record TokenizerOutput(
    int Ids,
    int UnusedIds,
    int Merges,
    string PreTokenizer,
    string EndOfText,
    int EndOfTextId,
    TokenOutput[] AddedTokens,
    int LongestBytes,
    int LongestId,
    string Sha256)
{
    public static TokenizerOutput Of(Vocabulary vocabulary)
    {
        var all = Enumerable.Range(0, vocabulary.Size);
        var longest = all.MaxBy(id => vocabulary.BytesOf(id).Length);
        return new TokenizerOutput(
            vocabulary.Size,
            all.Count(id => vocabulary.NameOf(id) is null),
            vocabulary.Merges.Count,
            vocabulary.Pattern.Name,
            vocabulary.EndOfTextName,
            vocabulary.EndOfText,
            [.. vocabulary.Added.Select(a => new TokenOutput(a.Id, a.Content))],
            vocabulary.BytesOf(longest).Length,
            longest,
            vocabulary.Sha256);
    }
}

/// <summary>What a tokenizer makes of a text: <c>dtt tokenizer compare</c>.</summary>
internal sealed record CompareOutput(string Tokenizer, int Ids, long Bytes, long Tokens, double BytesPerToken, int IdsUsed)
{
    public static CompareOutput Of(string name, Vocabulary vocabulary, ReadOnlySpan<byte> text)
    {
        var ids = TokenizerCommand.IdsOf(vocabulary, text);
        return new CompareOutput(name, vocabulary.Size, text.Length, ids.Length, (double)text.Length / ids.Length, ids.Distinct().Count());
    }
}
