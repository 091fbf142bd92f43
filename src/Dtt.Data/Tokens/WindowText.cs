using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>What stands in windows of training tokens: which documents, and their text.</summary>
/// <param name="index">The shards' index.</param>
/// <param name="train">The training shards.</param>
/// <param name="vocabulary">Their tokenizer.</param>
public sealed class WindowText(TokenIndex index, TokenShards train, Vocabulary vocabulary)
{
    private const int TokensAtOnce = 1 << 16;
    private readonly TokenShard[] _shards = [.. index.Shards.Where(s => s.Split == "train")];

    /// <summary>The shard of a window, as the index knows it.</summary>
    public TokenShard ShardOf(int shard) => _shards[shard];

    /// <summary>The documents of a window, in order; not one of which only the end stands there, as before a window that begins with a document.</summary>
    /// <param name="shard">The window's shard.</param>
    /// <param name="offset">Its first token.</param>
    /// <param name="window">Its tokens.</param>
    public IReadOnlyList<WindowDocument> DocumentsOf(int shard, long offset, ReadOnlySpan<long> window)
    {
        var documents = new List<WindowDocument>();
        var number = train.Count(shard, 0, offset, vocabulary.EndOfText);
        for (var from = 0; from < window.Length;)
        {
            var end = window[from..].IndexOf(vocabulary.EndOfText);
            var tokens = end < 0 ? window.Length - from : end + 1;
            if (tokens > 1 || end < 0) documents.Add(new WindowDocument(_shards[shard], number, from, tokens, from == 0 ? TextBefore(shard, offset) : 0));
            number++;
            from += tokens;
        }

        return documents;
    }

    /// <summary>The bytes of tokens, without the one that ends a document.</summary>
    public byte[] Decode(ReadOnlySpan<long> tokens)
    {
        using var bytes = new MemoryStream();
        foreach (var id in tokens)
        {
            if (id != vocabulary.EndOfText) bytes.Write(vocabulary.BytesOf((int)id));
        }

        return bytes.ToArray();
    }

    /// <summary>Bytes of text from the start of the document that a token belongs to.</summary>
    private long TextBefore(int shard, long offset)
    {
        var (at, bytes) = ((train.LastIndexOf(shard, 0, offset, vocabulary.EndOfText) ?? -1) + 1, 0L);
        Span<long> buffer = new long[(int)Math.Min(TokensAtOnce, offset - at)];
        for (; at < offset; at += buffer.Length)
        {
            buffer = buffer[..(int)Math.Min(buffer.Length, offset - at)];
            train.Read(shard, at, buffer);
            foreach (var id in buffer) bytes += vocabulary.BytesOf((int)id).Length;
        }

        return bytes;
    }
}
