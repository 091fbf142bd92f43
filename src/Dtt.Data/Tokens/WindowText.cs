using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>
/// What stands in windows of training tokens: which documents, and their text. The windows of a shard cost one pass over it where they come in its order.
/// </summary>
/// <param name="index">The shards' index.</param>
/// <param name="train">The training shards.</param>
/// <param name="vocabulary">Their tokenizer.</param>
public sealed class WindowText(TokenIndex index, TokenShards train, Vocabulary vocabulary)
{
    private const int TokensAtOnce = 1 << 16;
    private readonly Dictionary<int, Place> _places = []; // the last one found of each shard: windows in order cost one pass over it
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
        var (_, number, textBefore) = PlaceOf(shard, offset);
        for (var from = 0; from < window.Length;)
        {
            var end = window[from..].IndexOf(vocabulary.EndOfText);
            var tokens = end < 0 ? window.Length - from : end + 1;
            if (tokens > 1 || end < 0) documents.Add(new WindowDocument(_shards[shard], number, from, tokens, from == 0 ? textBefore : 0));
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

    /// <summary>Where a token stands, counted from the place that was found before, if that is not behind it.</summary>
    private Place PlaceOf(int shard, long offset)
    {
        var known = _places.GetValueOrDefault(shard);
        if (known.Offset > offset) known = default;
        var end = train.LastIndexOf(shard, known.Offset, offset, vocabulary.EndOfText);
        var number = known.Number + (end is { } last ? train.Count(shard, known.Offset, last + 1, vocabulary.EndOfText) : 0);
        var text = end is { } before ? Bytes(shard, before + 1, offset) : known.TextBefore + Bytes(shard, known.Offset, offset);
        return _places[shard] = new Place(offset, number, text);
    }

    private long Bytes(int shard, long from, long to)
    {
        var bytes = 0L;
        Span<long> buffer = new long[(int)Math.Min(TokensAtOnce, to - from)];
        for (; from < to; from += buffer.Length)
        {
            buffer = buffer[..(int)Math.Min(buffer.Length, to - from)];
            train.Read(shard, from, buffer);
            foreach (var id in buffer) bytes += vocabulary.BytesOf((int)id).Length;
        }

        return bytes;
    }

    /// <param name="Offset">A token of a shard.</param>
    /// <param name="Number">The document that it belongs to.</param>
    /// <param name="TextBefore">Bytes of that document's text before it.</param>
    private readonly record struct Place(long Offset, long Number, long TextBefore);
}
