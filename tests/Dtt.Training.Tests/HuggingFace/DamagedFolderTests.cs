using System.Text;
using CsCheck;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Tests;
using Dtt.Training.HuggingFace;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.HuggingFace;

/// <summary>Files that are cut off, edited by hand or of other programs: each is refused in words, and no run is left behind.</summary>
public sealed class DamagedFolderTests
{
    public static TheoryData<string, string> Headers => new()
    {
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}""", "\"data_offsets\": [0]} of 'wte.weight'" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0.5, 4]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 4]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 9223372036854775807]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": "0-4"}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}""", "its header says" },
        { """{"wte.weight": {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]}}""", "its header says" },
        { """{"wte.weight": {"dtype": 32, "shape": [1], "data_offsets": [0, 4]}}""", "its header says" },
        { """{"wte.weight": [0, 4]}""", "its header says [0, 4] of 'wte.weight'" },
        { """{"wte.weight": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}""", "'wte.weight' has 0 bytes" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}""", "'wte.weight' starts at byte" },
        { """{"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}""", "its header describes" },
        { """{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}""", "not whole JSON" },
        { """{"\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}""", "half a surrogate pair" },
        { """["wte.weight"]""", "an object ({…}) was expected" },
        { """{"wte.weight": """, "not whole JSON" },
        { "null", "an object ({…}) was expected" },
    };

    public static TheoryData<string, string> Tokenizers => new()
    {
        { """{"model": {"merges": ["th", ["th", "e"]]}}""", "'model.merges[0]' is \"th\"" },
        { """{"model": {"merges": [["t"], ["th", "e"]]}}""", "'model.merges[0]' is [\"t\"]" },
        { """{"model": {"merges": [["t", "h"], ["th", 1]]}}""", "'model.merges[1]' is [\"th\",1]" },
        { """{"model": {"merges": [["t", "h"], 7]}}""", "'model.merges[1]' is 7" },
        { """{"model": {"merges": [["t", "hh"], ["th", "e"]]}}""", "'hh' is not in 'model.vocab'" },
        { """{"model": {"merges": [["t", "h"], ["t", "h"]]}}""", "an earlier merge joins these two already" },
        { """{"model": {"merges": null}}""", "'model.merges' is null, not a list" },
        { """{"model": {"vocab": {"the": 0.5}}}""", "gives 'the' the id 0.5" },
        { """{"model": {"vocab": {"the": 99999999999}}}""", "gives 'the' the id 99999999999" },
        { """{"model": {"vocab": {"the": -1}}}""", "gives 'the' the id -1" },
        { """{"model": {"vocab": {"the": "257"}}}""", "gives 'the' the id \"257\"" },
        { """{"model": {"vocab": {"other": 259}}}""", "its tokenizer has 260 ids" },
        { """{"model": {"vocab": []}}""", "'model.vocab' is [], not an object" },
        { """{"model": {"type": "WordPiece"}}""", "'model' is" },
        { """{"model": {"dropout": 0.1}}""", "'model.dropout' is 0.1" },
        { """{"model": {"ignore_merges": "yes"}}""", "'model.ignore_merges' is \"yes\"" },
        { """{"model": {"vocab": {"other": 257}}}""", "gives 'other' the id 257, which 'the' has already" },
        { """{"model": {"vocab": {"": 259}}}""", "and it has no characters" },
        { """{"model": {"merges": [["t", "h"], ["th", "e"], ["漢", "e"]], "vocab": {"漢": 259, "漢e": 260}}}""", "this is no byte-level BPE" },
        { """{"model": {"continuing_subword_prefix": "##"}}""", "'model.continuing_subword_prefix' is \"##\"" },
        { """{"model": {"end_of_word_suffix": "_"}}""", "'model.end_of_word_suffix' is \"_\"" },
        { """{"model": {"new_rule": 1}}""", "'model.new_rule' is 1, of which DTT knows nothing" },
        { """{"pre_tokenizer": {"add_prefix_space": true}}""", "'pre_tokenizer.add_prefix_space' is true" },
        { """{"pre_tokenizer": {"use_regex": "no"}}""", "'pre_tokenizer.use_regex' is \"no\"" },
        { """{"pre_tokenizer": {"type": "Whitespace"}}""", "'pre_tokenizer' is" },
        { """{"pre_tokenizer": null}""", "'pre_tokenizer' is null, not ByteLevel" },
        { """{"normalizer": {"type": "Lowercase"}}""", "'normalizer' is {\"type\":\"Lowercase\"}" },
        {
            """{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits"}]}}""",
            "'pre_tokenizer.pretokenizers[0]' is {\"type\":\"Digits\"}, not ByteLevel"
        },
        { $$"""{"pre_tokenizer": {{Split("\\\\d")}}}""", "'pre_tokenizer.pretokenizers[0].pattern.Regex' is \"\\\\d\", none of the patterns gpt2, cl100k" },
        { $$"""{"pre_tokenizer": {{Split("a", "MergedWithNext")}}}""", "not Isolated" },
        { $$"""{"pre_tokenizer": {{Split("a", useRegex: "true")}}}""", "'pre_tokenizer.pretokenizers[1].use_regex' is true, not false" },
        { """{"truncation": {"max_length": 8}}""", "'truncation' is" },
        { """{"added_tokens": [{"id": 258, "content": "</s>"}]}""", "'added_tokens[0]' is '</s>' with id 258, which 'model.vocab' gives to '<|endoftext|>'" },
        { """{"added_tokens": [{"id": 258, "content": "<|endoftext|>"}, {"id": 259, "content": "<|pad|>"}]}""", "its tokenizer has 260 ids" },
        { """{"added_tokens": [{"id": 258, "content": "<|endoftext|>"}, {"id": 258, "content": "<|endoftext|>"}]}""", "which is there already" },
        { """{"added_tokens": [{"id": 257, "content": "the"}]}""", "'added_tokens[0]' is 'the' with id 257, which is also a token of text" },
        { """{"added_tokens": [{"id": 0.5, "content": "<|endoftext|>"}]}""", "'added_tokens[0]' is {\"id\":0.5" },
    };

    private static string Split(string regex, string behavior = "Isolated", string useRegex = "false") => $$"""
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "{{regex}}"}, "behavior": "{{behavior}}", "invert": false},
          {"type": "ByteLevel", "add_prefix_space": false, "use_regex": {{useRegex}}}]}
        """;

    [Theory]
    [MemberData(nameof(Headers))]
    public void Import_OfAMalformedHeader_SaysWhatIsWrong(string header, string message) => AssertRefused(message, f => f.WithHeader(_ => header));

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void Import_OfATokenizerWithOtherIds_OrADamagedOne_NamesTheKey(string keys, string message) =>
        AssertRefused(message, f => f.Set("tokenizer.json", keys));

    [Theory]
    [InlineData("")]
    [InlineData("{\"weight_map\": {\"wte.weight\": \"model-00001")]
    [InlineData("{\"metadata\": {}}")]
    [InlineData("{\"weight_map\": [\"model-00001.safetensors\"]}")]
    [InlineData("{\"weight_map\": {\"wte.weight\": 1}}")]
    [InlineData("[]")]
    public void Import_OfADamagedIndex_NamesIt(string index) => AssertRefused("model.safetensors.index.json", f =>
    {
        File.Move(f["model.safetensors"], f["model-00001-of-00001.safetensors"]);
        File.WriteAllText(f["model.safetensors.index.json"], index);
    });

    [Fact]
    public void Import_OfAWholeFileBesideAStaleIndex_ReadsTheFile()
    {
        using var folder = new ForeignFolder("hf-gpt2");
        File.WriteAllText(folder["model.safetensors.index.json"], """{"weight_map": {"wte.weight": "model-00001-of-00002.safetensors"}}""");
        folder.Import();
    }

    [Theory]
    [InlineData("tokenizer.json", "tokenizer.json:1:")]
    [InlineData("config.json", "config.json:")]
    [InlineData("model.safetensors", "is not a safetensors file, or is cut short")]
    public void Import_OfAFileThatIsCutOff_SaysWhere_AndTellsNobodyToDeleteFiles(string file, string message) => AssertRefused(message, f =>
        File.WriteAllBytes(f[file], File.ReadAllBytes(f[file])[..200]));

    [Theory]
    [InlineData("tokenizer_config.json", """{"add_prefix_space": true}""", "'add_prefix_space' is true")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"259": {"content": "<|pad|>"}}}""", "adds the token '<|pad|>' with id 259")]
    [InlineData("added_tokens.json", """{"<|im_start|>": 260}""", "adds the token '<|im_start|>' with id 260")]
    public void Import_OfTokensBesideTheTokenizer_IsRefused(string file, string json, string message) =>
        AssertRefused(message, f => File.WriteAllText(f[file], json));

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Import_OfWeightsThatAreNotFinite_NamesTheTensor(float value) => AssertRefused("'h.1.mlp.c_fc.weight' holds NaN or infinity", f =>
        f.WithWeights((name, tensor) => name == "h.1.mlp.c_fc.weight" ? full_like(tensor, value) : tensor));

    [Fact]
    public void Import_OfAPaddedVocabulary_LeavesTheRowsWithoutATokenOut()
    {
        using var scope = NewDisposeScope();
        using var plain = new ForeignFolder("hf-gpt2");
        using var padded = new ForeignFolder("hf-gpt2").Set("config.json", """{"vocab_size": 264}""")
            .WithWeights((name, tensor) => name == "wte.weight" ? cat([tensor, ones(5, tensor.shape[1])], 0) : tensor);
        var (config, checkpoint) = padded.Import();
        Assert.Equal(259, config.Model.VocabSize);
        Assert.Equal(Weights(plain.Import().Checkpoint), Weights(checkpoint));
        var again = HuggingFaceImport.Read(new ImportSpec(padded.Path, "again", padded.Runs, padded.Tokenizers));
        Assert.Equal("5 rows of its vocabulary of 264 belong to no token of its tokenizer and are left out", again.Note);
    }

    [Fact]
    public void Import_OfAModelWithFewerRowsThanItsTokenizer_IsRefused() => AssertRefused("the model has no rows for the others", f =>
        f.Set("tokenizer.json", """
            {"model": {"merges": ["t h", "th e", "a n"], "vocab": {"an": 258, "<|endoftext|>": 259}}, "added_tokens": [{"id": 259, "content": "<|endoftext|>"}]}
            """));

    [Fact]
    public void Import_WhereTheRunCannotBeWritten_SaysSo_AndLeavesNothing()
    {
        using var folder = new ForeignFolder("hf-gpt2");
        File.WriteAllText(folder.Runs, "a file where the runs should be");
        var error = Assert.Throws<UserErrorException>(() => folder.Import());
        Assert.Contains($"the run could not be written to {folder.Runs}", error.Message);
        Assert.All(Directory.EnumerateFileSystemEntries(folder.Tokenizers), entry => Assert.Equal(".import.lock", Path.GetFileName(entry)));
    }

    [Fact]
    public void Import_OfAnyDamage_IsRefusedInWords_OrIsAModel()
    {
        string[] files = ["config.json", "tokenizer.json", "model.safetensors"];
        string[] pieces = ["0.5", "-1", "99999999999999999999", "null", "{}", "[]", "\"", "\\u", "1e999"];
        Gen.Select(Gen.Int[0, files.Length - 1], Gen.Double[0, 1], Gen.Int[0, 30], Gen.Int[0, pieces.Length]).Sample((file, place, cut, piece) =>
        {
            using var folder = new ForeignFolder("hf-gpt2");
            var path = folder[files[file]];
            var bytes = File.ReadAllBytes(path);
            var at = (int)(place * Math.Min(bytes.Length, 3000));   // of the weights, the header
            var instead = piece < pieces.Length ? Encoding.UTF8.GetBytes(pieces[piece]) : [];
            File.WriteAllBytes(path, [.. bytes[..at], .. instead, .. bytes[Math.Min(bytes.Length, at + cut)..]]);
            try
            {
                folder.Import();
            }
            catch (UserErrorException e)
            {
                Assert.NotEmpty(e.Message);
                Assert.False(Directory.Exists(folder.Runs));
            }
        }, iter: Fuzz.Iterations(500));
    }

    private static void AssertRefused(string message, Action<ForeignFolder> damage)
    {
        using var folder = new ForeignFolder("hf-gpt2");
        damage(folder);
        var said = Assert.Throws<BadDataException>(() => folder.Import()).Message;
        Assert.Contains(message, said);
        Assert.DoesNotContain("delete", said);
        Assert.False(Directory.Exists(folder.Runs));
    }

    private static string Weights(CheckpointSource checkpoint) =>
        Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(checkpoint.Folder, "model.safetensors"))));
}
