using System.Buffers.Text;
using System.Text;
using Dtt.Core.Errors;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Ranks as tiktoken keeps them: a line per token, its bytes in base64 and its id, which is also its rank. Two neighbours merge when together they are a
/// token; the smallest rank goes first.
/// </summary>
internal static class TiktokenFile
{
    public const int MaxId = 1 << 24;

    private const int LongestToken = 4096; // bytes; finding a token's merge takes the square of its length

    /// <summary>Reads ranks.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="source">What they are, for errors.</param>
    /// <param name="pattern">How text is cut into words.</param>
    /// <param name="added">The added tokens; unset: <c>&lt;|endoftext|&gt;</c> behind the last rank.</param>
    /// <exception cref="BadDataException">A line is something else, or there are bytes without a token.</exception>
    public static VocabularyParts Read(IEnumerable<string> lines, string source, WordPattern pattern, IReadOnlyList<AddedToken>? added = null)
    {
        var ranks = new Dictionary<byte[], int>(ByteArrayComparer.Instance);
        var (number, ids) = (0, new HashSet<int>());
        foreach (var line in lines)
        {
            number++;
            if (Parse(line) is not var (bytes, rank) || !ids.Add(rank) || !ranks.TryAdd(bytes, rank))
                throw new BadDataException($"{source}:{number}: expected 'base64 rank', each token and each rank once. Put a whole file there.");
        }

        var tokens = new byte[]?[ranks.Count == 0 ? 0 : ranks.Values.Max() + 1];
        foreach (var (bytes, rank) in ranks) tokens[rank] = bytes;
        var merges = Merges(tokens, ranks.GetAlternateLookup<ReadOnlySpan<byte>>(), out var hasUnreachable);
        return new VocabularyParts
        {
            Tokens = tokens,
            Merges = merges,
            Added = added ?? [new AddedToken(tokens.Length, Vocabulary.EndOfTextToken)],
            Pattern = pattern,
            IgnoresMerges = hasUnreachable,
        };
    }

    /// <summary>Writes ranks; null where a merge that goes first makes a larger id, which such a file cannot say.</summary>
    public static byte[]? Write(VocabularyParts parts)
    {
        if (parts.Merges.Zip(parts.Merges.Skip(1)).Any(pair => pair.First.Id > pair.Second.Id)) return null;
        var lines = new StringBuilder();
        for (var id = 0; id < parts.Tokens.Length; id++)
        {
            if (parts.Tokens[id] is { } bytes) lines.Append(Convert.ToBase64String(bytes)).Append(' ').Append(id).Append('\n');
        }

        return Encoding.ASCII.GetBytes(lines.ToString());
    }

    private static (byte[] Bytes, int Rank)? Parse(string line)
    {
        var parts = line.Split(' ');
        if (parts.Length != 2 || !int.TryParse(parts[1], out var rank) || rank is < 0 or >= MaxId || !Base64.IsValid(parts[0])) return null;
        return Convert.FromBase64String(parts[0]) is { Length: > 0 and <= LongestToken } bytes ? (bytes, rank) : null;
    }

    /// <summary>
    /// The merge behind each token. A token that the ranks before it cannot make in two (as some of Llama 3) is found as a whole word, and merges from
    /// any two tokens that it consists of.
    /// </summary>
    private static List<(int Left, int Right, int Id)> Merges(
        byte[]?[] tokens, Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> ranks, out bool hasUnreachable)
    {
        var merges = new List<(int, int, int)>(tokens.Length);
        hasUnreachable = false;
        for (var id = 0; id < tokens.Length; id++)
        {
            if (tokens[id] is not { Length: > 1 } bytes) continue;
            if (LastMerge(bytes, id, ranks) is var (left, right))
            {
                merges.Add((left, right, id));
                continue;
            }

            hasUnreachable = true;
            for (var cut = 1; cut < bytes.Length; cut++)
            {
                if (ranks.TryGetValue(bytes.AsSpan(0, cut), out left) && ranks.TryGetValue(bytes.AsSpan(cut), out right)) merges.Add((left, right, id));
            }
        }

        return merges;
    }

    /// <summary>The last merge that makes a token: BPE over its bytes with all smaller ranks ends in two symbols.</summary>
    private static (int Left, int Right)? LastMerge(byte[] bytes, int rank, Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> ranks)
    {
        var cuts = Enumerable.Range(0, bytes.Length + 1).ToList();
        while (cuts.Count > 3)
        {
            int best = rank, at = -1;
            for (var i = 0; i + 2 < cuts.Count; i++)
            {
                if (ranks.TryGetValue(bytes.AsSpan(cuts[i]..cuts[i + 2]), out var r) && r < best) (best, at) = (r, i + 1);
            }

            if (at < 0) return null;
            cuts.RemoveAt(at);
        }

        return ranks.TryGetValue(bytes.AsSpan(0, cuts[1]), out var left) && ranks.TryGetValue(bytes.AsSpan(cuts[1]), out var right) ? (left, right) : null;
    }
}
