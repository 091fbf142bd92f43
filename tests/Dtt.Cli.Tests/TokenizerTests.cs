using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Tokenizers that come with DTT or are a file, and the commands that try them.</summary>
public sealed class TokenizerTests : IAsyncLifetime
{
    private const string Text = "Once upon a time there was a river.\nIt ran 1234 miles, didn't it?  漢字 🙂\n";

    private readonly TempFolder _folder = new();
    private readonly DttProgram _dtt;

    public TokenizerTests() => _dtt = new DttProgram(_folder.Path);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _dtt.EndSiloAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task PublicTokenizer_IsWrittenWhenItIsNeeded_AndSetsTheVocabulary()
    {
        _folder.Write("story.txt", string.Concat(Enumerable.Repeat(Text, 50)));
        _folder.Write("configs/config.yaml", "dataset: story.txt\ntokenizer: cl100k\nval_fraction: 0.2\n");
        await _dtt.OutputAsync("download");
        Assert.Contains("tokenizer: cl100k, 100,277 ids ready", (await Succeed("tokenize")).Error);
        Assert.Contains("tokenizer: cl100k, 100,277 ids already here", (await Succeed("tokenize")).Error);
        var index = JsonDocument.Parse(File.ReadAllBytes(_folder["data/story/tokens/cl100k/index.json"])).RootElement.GetProperty("source");
        Assert.Equal(("cl100k", 100_277), (index.GetProperty("tokenizer").GetString(), index.GetProperty("vocab_size").GetInt32()));
        Assert.Equal("12805 5304 264 892\n", await _dtt.OutputAsync("tokenizer", "encode", "Once upon a time"));

        // Another tokenizer at that place is not overwritten.
        await _dtt.OutputAsync("tokenizer", "train", "story.txt", "-v", "300", "-o", "other");
        File.Copy(_folder["other/tokenizer.json"], _folder["tokenizers/cl100k/tokenizer.json"], overwrite: true);
        var refused = await _dtt.RunAsync("tokenize");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("is another one than cl100k", refused.Error);
    }

    [Fact]
    public async Task TrainedTokenizer_HasThePatternAndTheSpecialTokens_ThatTheConfigurationAsksFor()
    {
        _folder.Write("story.txt", string.Concat(Enumerable.Repeat(Text, 50)));
        _folder.Write("configs/config.yaml", "dataset: story.txt\nvocab_size: 300\npre_tokenizer: o200k\nspecial_tokens: [<|user|>, \"<|a b|>\"]\n");
        await _dtt.OutputAsync("download");
        await Succeed("tokenize");
        var tokenizer = await _dtt.JsonAsync("tokenizer", "inspect");
        Assert.Equal((300, "o200k", 297), (tokenizer.GetProperty("ids").GetInt32(), tokenizer.GetProperty("pre_tokenizer").GetString(),
            tokenizer.GetProperty("end_of_text_id").GetInt32()));
        var added = tokenizer.GetProperty("added_tokens").EnumerateArray().Select(t => t.GetProperty("text").GetString());
        Assert.Equal(["<|endoftext|>", "<|user|>", "<|a b|>"], added);
        (string, string)[] others = [("pre_tokenizer=gpt2", "cuts words as o200k does"), ("special_tokens=[<|tool|>]", "has no special token <|tool|>")];
        foreach (var (set, message) in others)
        {
            var refused = await _dtt.RunAsync("tokenize", "--set", set);
            Assert.Equal(3, refused.ExitCode);
            Assert.Contains(message, refused.Error);
        }

        // As the tokenizer of another dataset, by its file.
        _folder.Write("more.txt", Text);
        _folder.Write("more.yaml", "tokenizer: tokenizers/story_300/tokenizer.json\n");
        var more = await _dtt.RunAsync("tokenize", "--dry-run", "-d", "more.txt", "-c", "more.yaml");
        Assert.True(more.ExitCode == 0, more.Error);
    }

    [Fact]
    public async Task Commands_TrainEncodeDecodeInspectAndCompare_FilesAsTheyAre()
    {
        byte[] bytes = [.. "caf\u00e9 "u8, 0xFF, 0xC3, .. "\r\n  end\n"u8];
        File.WriteAllBytes(_folder["bytes"], bytes);
        _folder.Write("story.txt", Text);
        await _dtt.OutputAsync("tokenizer", "train", "story.txt", "-o", "mine", "-v", "280", "--pre-tokenizer", "llama3", "--special", "<|user|>");
        var ids = await _dtt.OutputAsync("tokenizer", "encode", "--file", "bytes", "--tokenizer", "mine");
        _folder.Write("ids", ids);
        using var decoded = new MemoryStream();
        var start = new System.Diagnostics.ProcessStartInfo("dotnet", [DttProgram.Assembly, "tokenizer", "decode", "-f", "ids", "--tokenizer", "mine"])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
        };
        using var process = System.Diagnostics.Process.Start(start)!;
        await process.StandardOutput.BaseStream.CopyToAsync(decoded);
        Assert.Equal(bytes, decoded.ToArray());

        var tokens = await _dtt.JsonAsync("tokenizer", "encode", "river", "--tokenizer", "gpt2");
        Assert.Equal((38291, "river"), (tokens[0].GetProperty("id").GetInt32(), tokens[0].GetProperty("text").GetString()));
        Assert.Contains("llama3", await _dtt.OutputAsync("tokenizer", "inspect", "--tokenizer", "mine"));
        var rows = await _dtt.JsonAsync("tokenizer", "compare", "gpt2", "mine", "-f", "story.txt");
        Assert.Equal(System.Text.Encoding.UTF8.GetByteCount(Text), rows[1].GetProperty("bytes").GetInt32());
        Assert.True(rows[0].GetProperty("bytes_per_token").GetDouble() > rows[1].GetProperty("bytes_per_token").GetDouble());
        Assert.Contains("bytes a token", await _dtt.OutputAsync("tokenizer", "compare", "gpt2", "o200k", "a text"));
    }

    [Fact]
    public async Task Encode_UnpacksAFile_DecodeReadsWhatItWrites_AndTrainNotesWhatIsNoUtf8()
    {
        _folder.Write("story.txt", Text);
        using (var packed = new GZipStream(File.Create(_folder["packed.gz"]), CompressionLevel.Fastest)) packed.Write(Encoding.UTF8.GetBytes(Text));
        string[] gpt2 = ["--tokenizer", "gpt2"];
        var ids = await _dtt.OutputAsync(["tokenizer", "encode", "-f", "story.txt", .. gpt2]);
        Assert.Equal(ids, await _dtt.OutputAsync(["tokenizer", "encode", "-f", "packed.gz", .. gpt2]));
        _folder.Write("ids.json", await _dtt.OutputAsync(["tokenizer", "encode", "-f", "story.txt", "--json", .. gpt2]));
        Assert.Equal(Text, await _dtt.OutputAsync(["tokenizer", "decode", "-f", "ids.json", .. gpt2]));

        File.WriteAllBytes(_folder["latin.txt"], Encoding.Latin1.GetBytes("caf\u00e9 au lait"));
        File.WriteAllBytes(_folder["wide.txt"], [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes("a text")]);
        var trained = await _dtt.RunAsync("tokenizer", "train", "story.txt", "latin.txt", "wide.txt", "-o", "mine", "-v", "260");
        Assert.Equal(0, trained.ExitCode);
        string[] notes = [.. trained.Error.Split('\n').Where(l => l.StartsWith("note: ", StringComparison.Ordinal))];
        Assert.Equal([$"note: {_folder["latin.txt"]} is no UTF-8 at byte 3; its bytes are counted as they are.",
            $"note: {_folder["wide.txt"]} is text in UTF-16; convert it with `iconv -f utf-16 -t utf-8`; its bytes are counted as they are."], notes);
    }

    [Theory]
    [InlineData("is a folder", "encode", "--file", ".", "--tokenizer", "gpt2")]
    [InlineData("is a folder", "train", ".", "-o", "t")]
    [InlineData("nor what `dtt tokenizer encode --json` writes", "decode", "[1, {}]", "--tokenizer", "gpt2")]
    [InlineData("there is no tokenizer nowhere", "encode", "a", "--tokenizer", "nowhere")]
    [InlineData("missing.txt", "train", "missing.txt", "-o", "t")]
    [InlineData("`dtt tokenize -d", "train", "x.jsonl", "-o", "t")]
    [InlineData("must be at least 258", "train", "story.txt", "-o", "t", "-v", "257", "--special", "<|a|>")]
    [InlineData("takes different texts", "train", "story.txt", "-o", "t", "--special", "<|endoftext|>")]
    [InlineData("set vocab_size to at most", "train", "story.txt", "-o", "t", "-v", "9999")]
    [InlineData("give one", "encode", "words", "--file", "story.txt", "--tokenizer", "gpt2")]
    [InlineData("cannot be read", "decode", "--file", "missing.txt", "--tokenizer", "gpt2")]
    [InlineData("must be one of gpt2, cl100k, o200k, or the path of", "encode", "a", "--set", "tokenizer=gpt3")]
    public async Task Commands_ThatCannotBeDone_SayWhy(string message, params string[] arguments)
    {
        _folder.Write("story.txt", Text);
        var result = await _dtt.RunAsync(["tokenizer", .. arguments], []);
        Assert.InRange(result.ExitCode, 2, 3);
        Assert.Contains(message, result.Error);
        Assert.False(Directory.Exists(_folder["t"]));
    }

    private async Task<DttProgram.Result> Succeed(string stage)
    {
        var result = await _dtt.RunAsync(stage);
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }
}
