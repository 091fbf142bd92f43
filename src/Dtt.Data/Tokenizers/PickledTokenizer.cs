using Dtt.Core.Errors;
using Dtt.Data.Pickle;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Tokenizers that Python programs pickled: the Python DTT's merges, a list of ((left, right), id) where the bytes are the first 256 ids; and an Encoding of
/// tiktoken's, which nanochat saves. Nothing in the file is run.
/// </summary>
public static class PickledTokenizer
{
    private const string Encoding = "tiktoken.core.Encoding";
    private const int FirstByte = 0x80; // PROTO, with which a pickle begins
    private const long MostBytes = 64 << 20;
    private const long MostTokenBytes = 64 << 20;

    /// <summary>Whether a file begins as a pickle does.</summary>
    public static bool IsOne(string file)
    {
        using var stream = File.OpenRead(file);
        return stream.ReadByte() == FirstByte;
    }

    /// <summary>Reads one.</summary>
    /// <exception cref="BadDataException">It holds something else, or would do more than hold data.</exception>
    public static Vocabulary Read(string file)
    {
        if (new FileInfo(file).Length > MostBytes) throw new BadDataException($"{file} has more than {MostBytes:N0} bytes, which no tokenizer has.");
        var content = PickleReader.Read(File.ReadAllBytes(file), file, [Encoding]);
        try
        {
            return content switch
            {
                List<object?> merges => new Vocabulary(Distinct(OfMerges(file, merges))),
                PickleObject { Constructor: Encoding, State: string name } => PublicTokenizer.Load(NamedByTiktoken(file, name)),
                PickleObject { Constructor: Encoding, State: PickleDictionary state } => new Vocabulary(Distinct(OfEncoding(file, state))),
                _ => throw new BadDataException($"it holds {PickleReader.KindOf(content)}, and a tokenizer is a list of merges (the Python DTT) or an Encoding "
                    + "of tiktoken's (nanochat)."),
            };
        }
        catch (BadDataException e) when (!e.Message.StartsWith(file, StringComparison.Ordinal))
        {
            throw new BadDataException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Refuses ids that are spelled alike: a tokenizer.json has one id for each spelling.</summary>
    private static VocabularyParts Distinct(VocabularyParts parts)
    {
        var spelled = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (id, token) in parts.Tokens.Index().Where(t => t.Item is not null))
        {
            var bytes = Convert.ToHexStringLower(token!);
            if (!spelled.TryAdd(bytes, id))
                throw new BadDataException($"ids {spelled[bytes]} and {id} stand for the same bytes (hex {bytes}); only one can be used.");
        }

        return parts;
    }

    private static VocabularyParts OfMerges(string file, List<object?> list)
    {
        var tokens = new byte[]?[256 + list.Count];
        for (var b = 0; b < 256; b++) tokens[b] = [(byte)b];
        var (merges, bytes) = (new List<(int, int, int)>(list.Count), 0L);
        foreach (var (number, item) in list.Index())
        {
            if (item is not object?[] pair || pair is not [object?[] joined, long id] || joined is not [long left, long right])
                throw new BadDataException($"merge {number:N0} is {PickleReader.KindOf(item)}, and ((left, right), id) was expected.");
            var made = 256 + number;
            if (id != made || left < 0 || right < 0 || left >= made || right >= made)
                throw new BadDataException($"merge {number:N0} makes {id} of {left} and {right}; it should make {made} of two ids before it.");
            bytes += tokens[left]!.Length + tokens[right]!.Length;
            if (bytes > MostTokenBytes)
                throw new BadDataException($"merge {number:N0} makes the tokens longer than {MostTokenBytes:N0} bytes together: no text has such tokens.");
            tokens[made] = [.. tokens[left]!, .. tokens[right]!];
            merges.Add(((int)left, (int)right, made));
        }

        return new VocabularyParts
        {
            Tokens = tokens,
            Merges = merges,
            Added = [new AddedToken(tokens.Length, Vocabulary.EndOfTextToken)],
            Pattern = WordPattern.Whole, // bpekit cuts text into words to train, and not to encode
        };
    }

    private static VocabularyParts OfEncoding(string file, PickleDictionary state)
    {
        if (state["pat_str"] is not string regex || state["mergeable_ranks"] is not PickleDictionary ranks
            || state["special_tokens"] is not PickleDictionary special)
        {
            throw new BadDataException("its Encoding has not 'pat_str', 'mergeable_ranks' and 'special_tokens', as tiktoken writes it.");
        }

        var pattern = WordPattern.All.FirstOrDefault(p => p.Regex == regex || p.OtherSpellings.Contains(regex)) ?? throw new BadDataException(
            $"its 'pat_str' is {regex}, none of the patterns {string.Join(", ", WordPattern.All.Select(p => p.Name))}.");
        var lines = ranks.Items.Select(r => r is { Key: byte[] token, Value: long rank } ? $"{Convert.ToBase64String(token)} {rank}"
            : throw new BadDataException($"'mergeable_ranks' gives {PickleReader.KindOf(r.Key)} the rank {PickleReader.KindOf(r.Value)}; "
                + "bytes and a number were expected."));
        var added = special.Items.Select(s => s is { Key: string content, Value: long and >= 0 and < TiktokenFile.MaxId and var id }
            ? new AddedToken((int)id, content)
            : throw new BadDataException("'special_tokens' has something else than names and their ids.")).ToList();
        var parts = TiktokenFile.Read(lines, file, pattern, added);
        if (added.FirstOrDefault(a => a.Id < parts.Tokens.Length && parts.Tokens[a.Id] is not null) is { } both)
            throw new BadDataException($"'special_tokens' gives '{both.Content}' the id {both.Id}, which 'mergeable_ranks' gives to text.");
        return added.Select(a => a.Id).Distinct().Count() == added.Count ? parts : throw new BadDataException("'special_tokens' gives an id twice.");
    }

    private static string NamedByTiktoken(string file, string name) => name switch
    {
        "gpt2" => "gpt2",
        "cl100k_base" => "cl100k",
        "o200k_base" => "o200k",
        _ => throw new BadDataException($"{file} names tiktoken's '{name}', and DTT has gpt2, cl100k_base and o200k_base."),
    };
}
