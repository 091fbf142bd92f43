using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Dtt.Data.Tokenizers;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokenizers;

/// <summary>Folders that DTT writes, and files of others that it reads, against Hugging Face's own library (its Rust code, by Tokenizers.DotNet).</summary>
public sealed class HuggingFaceTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Patterns => [.. WordPattern.All.Select(p => p.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k")]
    [InlineData("o200k")]
    public void Encode_OfAPublicTokenizer_GivesTheirIds(string name) => Check(PublicTokenizer.Load(name), Texts.Short);

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Encode_OfATrainedTokenizer_GivesTheirIds(string name) =>
        Check(new Vocabulary(PublicTokenizer.Load("gpt2").Merges.Take(3000).ToList(), WordPattern.Named(name), ["<|user|>", "<|\"\\ü|>"]), Texts.Short);

    /// <summary>Llama 3's kind of file: every way to put a token together is a merge, merges are texts, a word that is a token is this token.</summary>
    [Fact]
    public void Encode_OfAFileThatIgnoresMerges_GivesTheirIds()
    {
        TokenizerFolder.Save(new Vocabulary(PublicTokenizer.Load("gpt2").Merges.Take(3000).ToList(), WordPattern.Llama3, ["<|eot_id|>"]), _folder["tok"]);
        var file = _folder["tok/tokenizer.json"];
        var json = JsonNode.Parse(File.ReadAllBytes(file))!;
        var vocab = json["model"]!["vocab"]!.AsObject();
        var names = vocab.Select(t => t.Key).ToHashSet();
        json["model"]!["ignore_merges"] = true;
        json["model"]!["merges"] = new JsonArray([.. vocab.Where(t => !t.Key.StartsWith("<|", StringComparison.Ordinal)).SelectMany(t => Enumerable
            .Range(1, t.Key.Length - 1).Select(cut => (Left: t.Key[..cut], Right: t.Key[cut..])).Where(m => names.Contains(m.Left) && names.Contains(m.Right))
            .Select(m => (JsonNode)$"{m.Left} {m.Right}"))]);
        foreach (var word in new[] { "Ġunreachableword", "漢" }) vocab[word == "漢" ? "æ¼¢" : word] = vocab.Count;
        json["post_processor"] = JsonNode.Parse("""
            {"type": "TemplateProcessing", "special_tokens": {},
              "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}]}
            """);
        File.WriteAllText(file, json.ToJsonString());
        var vocabulary = TokenizerFolder.Open(file);
        Assert.Contains(vocab["Ġunreachableword"]!.GetValue<int>(), new BpeEncoder(vocabulary).Encode("an unreachableword"));
        Check(vocabulary, Texts.Short, file);
        Check(vocabulary, Texts.Short);
    }

    /// <summary>Qwen's kind of file: text is brought into normal form C first.</summary>
    [Fact]
    public void Encode_OfAFileThatNormalizes_GivesTheirIds()
    {
        TokenizerFolder.Save(new Vocabulary(PublicTokenizer.Load("gpt2").Merges.Take(3000).ToList(), WordPattern.Qwen2), _folder["tok"]);
        var file = _folder["tok/tokenizer.json"];
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}"));
        var vocabulary = TokenizerFolder.Open(file);
        Check(vocabulary, Texts.Short, file);
        var (encoder, library) = (new BpeEncoder(vocabulary), new global::Tokenizers.DotNet.Tokenizer(file));
        var scalars = Gen.OneOf(
            Gen.Int[0x20, 0x36F], Gen.Int[0x300, 0x36F], Gen.Int[0x5B0, 0x5EA], Gen.Int[0xF71, 0xF76], Gen.Int[0x1100, 0x11C2], Gen.Int[0x1E00, 0x1EFF],
            Gen.Int[0x2126, 0x212B], Gen.Int[0x3041, 0x30FF], Gen.Int[0xAC00, 0xAC80], Gen.Int[0x1D15E, 0x1D16E], Gen.Char["aeiouAEIOU"].Select(c => (int)c));
        scalars.Array[1, 12].Select(s => string.Concat(s.Where(Rune.IsValid).Select(c => new Rune(c).ToString()))).Sample(
            text => Assert.Equal(library.Encode(text).Select(id => (int)id), encoder.Encode(text)), iter: Fuzz.Iterations(3000), threads: 1);
    }

    private void Check(Vocabulary vocabulary, IEnumerable<string> texts, string? file = null)
    {
        if (file is null) TokenizerFolder.Save(vocabulary, _folder["checked"]);
        var (encoder, library) = (new BpeEncoder(vocabulary), new global::Tokenizers.DotNet.Tokenizer(file ?? _folder["checked/tokenizer.json"]));
        void Same(string text) => Assert.Equal(library.Encode(text).Select(id => (int)id), encoder.Encode(text));
        foreach (var text in texts.Where(t => t.Length > 0 && !t.Contains("<|", StringComparison.Ordinal) && !t.Contains('\0'))) Same(text);
        Texts.Mixed.Where(t => t.Length > 0).Sample(Same, iter: Fuzz.Iterations(1000), threads: 1);
        Assert.Equal(vocabulary.Sha256, TokenizerFolder.Open(file ?? _folder["checked"]).Sha256);
    }
}
