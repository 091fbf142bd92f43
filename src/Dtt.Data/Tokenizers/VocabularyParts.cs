using System.Security.Cryptography;
using System.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>What a byte-level BPE vocabulary consists of, whatever numbers its tokens have.</summary>
internal sealed record VocabularyParts
{
    /// <summary>The bytes of each id; null: no token of text has it.</summary>
    public required byte[]?[] Tokens { get; init; }

    /// <summary>The merges, the one that goes first first: a pair of ids, and the id that it becomes.</summary>
    public required IReadOnlyList<(int Left, int Right, int Id)> Merges { get; init; }

    /// <summary>Tokens that no text becomes.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>How text is cut into words.</summary>
    public required WordPattern Pattern { get; init; }

    /// <summary>Whether a word that is a token is this token, whatever the merges make of it.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Whether text is brought into Unicode's normal form C first.</summary>
    public bool Normalizes { get; init; }

    /// <summary>Bytes in GPT-2's order, then an id for each merge, then the added tokens.</summary>
    public static VocabularyParts Trained(IReadOnlyList<(int Left, int Right)> merges, WordPattern pattern, IReadOnlyList<string> added)
    {
        var tokens = new byte[]?[256 + merges.Count];
        for (var id = 0; id < 256; id++) tokens[id] = [ByteAlphabet.ByteOfId[id]];
        for (var m = 0; m < merges.Count; m++)
        {
            var (left, right) = merges[m];
            if (left < 0 || right < 0 || left >= 256 + m || right >= 256 + m)
                throw new Core.Errors.BadDataException($"merge {m} joins ids {left} and {right}, which are not made before it.");
            tokens[256 + m] = [.. tokens[left]!, .. tokens[right]!];
        }

        return new VocabularyParts
        {
            Tokens = tokens,
            Merges = [.. merges.Select((merge, m) => (merge.Left, merge.Right, 256 + m))],
            Added = [.. added.Select((content, i) => new AddedToken(tokens.Length + i, content))],
            Pattern = pattern,
        };
    }

    /// <summary>
    /// SHA-256, hex, equal where the ids are: over the merges as int32 pairs where everything else is as <see cref="Trained"/> makes it with GPT-2's
    /// pattern and the end of a document alone, as it always was; else over all of it.
    /// </summary>
    public string Sha256(int[] idOfByte)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        foreach (var (left, right, _) in Merges)
        {
            writer.Write(left);
            writer.Write(right);
        }

        if (!IsPlain(idOfByte))
        {
            foreach (var id in idOfByte) writer.Write(id);
            foreach (var (_, _, id) in Merges) writer.Write(id);
            foreach (var (id, content, _) in Added)
            {
                writer.Write(id);
                writer.Write(content);
            }

            writer.Write(Pattern.Regex);
            writer.Write(IgnoresMerges);
            writer.Write(Normalizes);
        }

        writer.Flush();
        return Convert.ToHexStringLower(SHA256.HashData(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)));
    }

    private bool IsPlain(int[] idOfByte) => Pattern == WordPattern.Gpt2 && !IgnoresMerges && !Normalizes
        && idOfByte.AsSpan().SequenceEqual(ByteAlphabet.IdOfByte)
        && Merges.Select(m => m.Id).SequenceEqual(Enumerable.Range(256, Merges.Count))
        && Added is [{ Content: Vocabulary.EndOfTextToken } end] && end.Id == 256 + Merges.Count;
}
