using Dtt.Data.Text;

namespace Dtt.Data.Tokens;

/// <summary>A document, as far as it stands in a window of tokens.</summary>
/// <param name="Shard">Its token shard.</param>
/// <param name="Number">Which document of the shard, from 0.</param>
/// <param name="From">Its first token in the window, counted from the window's start.</param>
/// <param name="Tokens">Tokens of it in the window, the one that ends it included.</param>
/// <param name="TextFrom">Bytes of its text before the window.</param>
public sealed record WindowDocument(TokenShard Shard, long Number, int From, int Tokens, long TextFrom)
{
    /// <summary>Where it stands in the raw text; null: not known.</summary>
    public DocumentOrigin? Origin { get; init; }
}
