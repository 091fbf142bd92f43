using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// A tokenizer's folder: <c>tokenizer.json</c> (loads in Hugging Face's tokenizers), <c>NAME.tiktoken</c> where ids are ranks, <c>vocab.json</c> and
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
        var mergeLines = "#version: 0.2\n" + string.Concat(Merges(vocabulary).Select(m => $"{m.Left} {m.Right}\n"));
        if (TiktokenFile.Write(vocabulary.Parts) is { } ranks)
            DurableFile.Replace(Path.Combine(folder, Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)) + ".tiktoken"), ranks);
        DurableFile.Replace(Path.Combine(folder, "vocab.json"), Json(json => WriteVocabulary(json, vocabulary)));
        DurableFile.Replace(Path.Combine(folder, "merges.txt"), Encoding.UTF8.GetBytes(mergeLines));
        DurableFile.Replace(Path.Combine(folder, MainFile), Json(vocabulary));
    }

    /// <summary>The content of <c>tokenizer.json</c>.</summary>
    public static byte[] Json(Vocabulary vocabulary) => Json(json => WriteTokenizer(json, vocabulary));

    /// <summary>Reads <c>tokenizer.json</c>.</summary>
    /// <exception cref="BadDataException">There is none, it is damaged, or it is another kind of tokenizer.</exception>
    public static Vocabulary Load(string folder)
    {
        var file = Path.Combine(folder, MainFile);
        return File.Exists(file) ? TokenizerJson.Read(file) : throw new BadDataException($"there is no tokenizer in {folder}; run `dtt tokenize` first.");
    }

    /// <summary>
    /// Reads a tokenizer by what names it: one that comes with DTT (<see cref="PublicTokenizer"/>), a folder, a <c>tokenizer.json</c>, a pickle of the Python
    /// DTT or nanochat, or a <c>.tiktoken</c> file, whose pattern is told by its public name (<c>cl100k_base</c>, <c>o200k_base</c>), else GPT-2's.
    /// </summary>
    /// <exception cref="BadDataException">There is none, it is damaged, or it is another kind of tokenizer.</exception>
    public static Vocabulary Open(string tokenizer)
    {
        if (PublicTokenizer.Names.Contains(tokenizer)) return PublicTokenizer.Load(tokenizer);
        if (Directory.Exists(tokenizer)) return Load(tokenizer);
        if (!File.Exists(tokenizer))
        {
            throw new BadDataException($"there is no tokenizer {tokenizer}: name {string.Join(", ", PublicTokenizer.Names)}, a tokenizer's folder, "
                + "a tokenizer.json, a .tiktoken file or a pickled tokenizer.");
        }

        if (TokenizerNames.IsTiktoken(tokenizer)) return LoadTiktoken(tokenizer);
        return PickledTokenizer.IsOne(tokenizer) ? PickledTokenizer.Read(tokenizer) : TokenizerJson.Read(tokenizer);
    }

    /// <summary>Reads a <c>.tiktoken</c> file: a line per id, its bytes in base64 and its rank; the merges follow from the ranks.</summary>
    /// <exception cref="BadDataException">A line is something else, or a byte has no token.</exception>
    public static Vocabulary LoadTiktoken(string file)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        var pattern = WordPattern.All.FirstOrDefault(p => name.StartsWith(p.Name, StringComparison.OrdinalIgnoreCase)) ?? WordPattern.Gpt2;
        var parts = TiktokenFile.Read(File.ReadLines(file), file, pattern);
        try
        {
            return new Vocabulary(parts);
        }
        catch (BadDataException e)
        {
            throw new BadDataException($"{file}: {e.Message}", e);
        }
    }

    private static IEnumerable<(string Left, string Right)> Merges(Vocabulary vocabulary) =>
        vocabulary.Merges.Select(m => (vocabulary.NameOf(m.Left)!, vocabulary.NameOf(m.Right)!));

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, _readable)) write(json);
        return memory.ToArray();
    }

    private static void WriteVocabulary(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        json.WriteStartObject();
        for (var id = 0; id < vocabulary.Size; id++)
        {
            if (vocabulary.NameOf(id) is { } name) json.WriteNumber(name, id);
        }

        json.WriteEndObject();
    }

    private static void WriteTokenizer(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (var token in vocabulary.Added)
        {
            json.WriteRawValue($$"""{"id": {{token.Id}}, "content": "{{JsonEncodedText.Encode(token.Content, _readable.Encoder)}}", "single_word": false,"""
                + $$""" "lstrip": false, "rstrip": false, "normalized": false, "special": {{(token.IsSpecial ? "true" : "false")}}}""");
        }

        json.WriteEndArray();
        json.WritePropertyName("normalizer");
        json.WriteRawValue(vocabulary.Parts.Normalizes ? """{"type": "NFC"}""" : "null");
        json.WritePropertyName("pre_tokenizer");
        json.WriteRawValue(PreTokenizerJson.Write(vocabulary.Pattern));
        json.WriteNull("post_processor");
        json.WritePropertyName("decoder");
        json.WriteRawValue("""{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}""");
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        foreach (var unset in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix" }) json.WriteNull(unset);
        foreach (var off in new[] { "fuse_unk", "byte_fallback" }) json.WriteBoolean(off, false);
        json.WriteBoolean("ignore_merges", vocabulary.Parts.IgnoresMerges);
        json.WritePropertyName("vocab");
        WriteVocabulary(json, vocabulary);
        json.WriteStartArray("merges");
        foreach (var (left, right) in Merges(vocabulary))
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
