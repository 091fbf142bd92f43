using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// A tokenizer's folder: <c>tokenizer.json</c> (loads in Hugging Face's tokenizers), <c>NAME.tiktoken</c>, <c>vocab.json</c> and
/// <c>merges.txt</c>. <c>tokenizer.json</c> is written last and is the one that is read.
/// </summary>
public static class TokenizerFolder
{
    private const string MainFile = "tokenizer.json";

    private static readonly JsonWriterOptions _readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether the folder holds a whole tokenizer.</summary>
    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, MainFile));

    /// <summary>Writes all files.</summary>
    public static void Save(Vocabulary vocabulary, string folder)
    {
        Directory.CreateDirectory(folder);
        DurableFile.Sweep(folder);
        var (names, merges) = (Names(vocabulary), Merges(vocabulary));
        var mergeLines = "#version: 0.2\n" + string.Concat(merges.Select(m => $"{m.Left} {m.Right}\n"));
        DurableFile.Replace(Path.Combine(folder, Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)) + ".tiktoken"), Tiktoken(vocabulary));
        DurableFile.Replace(Path.Combine(folder, "vocab.json"), Json(json => WriteVocabulary(json, names)));
        DurableFile.Replace(Path.Combine(folder, "merges.txt"), Encoding.UTF8.GetBytes(mergeLines));
        DurableFile.Replace(Path.Combine(folder, MainFile), Json(vocabulary));
    }

    /// <summary>The content of <c>tokenizer.json</c>.</summary>
    public static byte[] Json(Vocabulary vocabulary) =>
        Json(json => WriteTokenizer(json, Names(vocabulary), Merges(vocabulary), vocabulary.EndOfText));

    /// <summary>Reads <c>tokenizer.json</c>: byte-level BPE with GPT-2's pre-tokenization.</summary>
    /// <exception cref="BadDataException">There is none, it is damaged, or it is another kind of tokenizer.</exception>
    public static Vocabulary Load(string folder)
    {
        var file = Path.Combine(folder, MainFile);
        return File.Exists(file) ? TokenizerJson.Read(file) : throw new BadDataException($"there is no tokenizer in {folder}; run `dtt tokenize` first.");
    }

    /// <summary>Reads a <c>.tiktoken</c> file: a line per id, its bytes in base64 and its rank; the merges follow from the ranks.</summary>
    /// <exception cref="BadDataException">A line is something else, or a token is not a merge of two earlier ones.</exception>
    public static Vocabulary LoadTiktoken(string file)
    {
        var ranks = new Dictionary<byte[], int>(ByteArrayComparer.Instance);
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            var parts = line.Split(' ');
            if (parts.Length != 2 || !int.TryParse(parts[1], out var rank) || !ranks.TryAdd(Convert.FromBase64String(parts[0]), rank))
                throw new BadDataException($"{file}:{number}: expected 'base64 rank', each token once.");
        }

        var merges = new List<(int, int)>(ranks.Count - 256);
        foreach (var (bytes, rank) in ranks.OrderBy(r => r.Value).Where(r => r.Key.Length > 1))
            merges.Add(SplitOf(bytes, rank, ranks) ?? throw new BadDataException($"{file}: the token of rank {rank} is not a merge of two earlier tokens."));
        return new Vocabulary(merges);
    }

    private static string[] Names(Vocabulary vocabulary) => [.. Enumerable.Range(0, vocabulary.Size).Select(vocabulary.NameOf)];

    private static (string Left, string Right)[] Merges(Vocabulary vocabulary) =>
        [.. vocabulary.Merges.Select(m => (vocabulary.NameOf(m.Left), vocabulary.NameOf(m.Right)))];

    /// <summary>The last merge that made a token: BPE over its bytes with all smaller ranks ends in two symbols.</summary>
    private static (int Left, int Right)? SplitOf(byte[] bytes, int rank, Dictionary<byte[], int> ranks)
    {
        var cuts = Enumerable.Range(0, bytes.Length + 1).ToList();
        while (cuts.Count > 3)
        {
            int best = rank, at = -1;
            for (var i = 0; i + 2 < cuts.Count; i++)
            {
                if (ranks.TryGetValue(bytes[cuts[i]..cuts[i + 2]], out var r) && r < best) (best, at) = (r, i + 1);
            }

            if (at < 0) return null;
            cuts.RemoveAt(at);
        }

        return ranks.TryGetValue(bytes[..cuts[1]], out var left) && ranks.TryGetValue(bytes[cuts[1]..], out var right) ? (left, right) : null;
    }

    private static byte[] Tiktoken(Vocabulary vocabulary)
    {
        var lines = new StringBuilder();
        for (var id = 0; id < vocabulary.EndOfText; id++) lines.Append($"{Convert.ToBase64String(vocabulary.BytesOf(id))} {id}\n");
        return Encoding.ASCII.GetBytes(lines.ToString());
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, _readable)) write(json);
        return memory.ToArray();
    }

    private static void WriteVocabulary(Utf8JsonWriter json, string[] names)
    {
        json.WriteStartObject();
        for (var id = 0; id < names.Length; id++) json.WriteNumber(names[id], id);
        json.WriteEndObject();
    }

    private static void WriteTokenizer(Utf8JsonWriter json, string[] names, (string, string)[] merges, int endOfText)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        json.WriteRawValue($$"""{"id": {{endOfText}}, "content": "{{Vocabulary.EndOfTextToken}}", "single_word": false,"""
            + """ "lstrip": false, "rstrip": false, "normalized": false, "special": true}""");
        json.WriteEndArray();
        json.WriteNull("normalizer");
        json.WritePropertyName("pre_tokenizer");
        json.WriteRawValue("""{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}""");
        json.WriteNull("post_processor");
        json.WritePropertyName("decoder");
        json.WriteRawValue("""{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}""");
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        foreach (var unset in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix" }) json.WriteNull(unset);
        foreach (var off in new[] { "fuse_unk", "byte_fallback", "ignore_merges" }) json.WriteBoolean(off, false);
        json.WritePropertyName("vocab");
        WriteVocabulary(json, names);
        json.WriteStartArray("merges");
        foreach (var (left, right) in merges)
        {
            json.WriteStartArray();
            json.WriteStringValue(left);
            json.WriteStringValue(right);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
